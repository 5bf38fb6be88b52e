# The only place where -m flags stand: the suffix of a file's name decides which instructions its object may use.
# Everything else is compiled for the x86-64 baseline.
set(ORIEL_ISA_avx2 -mavx2 -mfma -mf16c -mbmi -mbmi2)
set(ORIEL_ISA_avx512 -march=x86-64-v4)
set(ORIEL_ISA_vnni -march=x86-64-v4 -mavx512vnni)
set(ORIEL_ISA_bf16 -march=x86-64-v4 -mavx512vnni -mavx512bf16)
set(ORIEL_ISA_SUFFIXES avx2 avx512 vnni bf16)

set(ORIEL_KERNEL_OPTIMIZATION -O3)
if(ORIEL_SANITIZE AND ORIEL_SANITIZE_KERNELS)
  # Unrolled and sanitised, one object of a kernel would compile for minutes.
  set(ORIEL_KERNEL_OPTIMIZATION -O1)
elseif(ORIEL_SANITIZE)
  set(ORIEL_KERNEL_SANITIZE -fno-sanitize=all)
endif()

# oriel_vectorised(file...): portable loops over elements that the compiler is to turn into vectors of the baseline.
function(oriel_vectorised)
  if(ORIEL_SANITIZE)
    return()
  endif()
  foreach(file IN LISTS ARGN)
    get_filename_component(path ${file} ABSOLUTE)
    set_source_files_properties(${path} TARGET_DIRECTORY oriel_engine PROPERTIES COMPILE_OPTIONS "-O3;-fno-trapping-math")
  endforeach()
endfunction()

# oriel_isa_flags(path): kernels of a suffix get its flags, tuning for current cores and full unrolling.
function(oriel_isa_flags path)
  get_filename_component(stem ${path} NAME_WE)
  foreach(suffix IN LISTS ORIEL_ISA_SUFFIXES)
    if(stem MATCHES "_${suffix}$")
      set_source_files_properties(${path} TARGET_DIRECTORY oriel_engine PROPERTIES COMPILE_OPTIONS
        "${ORIEL_ISA_${suffix}};-mtune=znver3;-mprefer-vector-width=512;${ORIEL_KERNEL_OPTIMIZATION};-ffp-contract=fast;-fno-math-errno;-fno-trapping-math;${ORIEL_KERNEL_SANITIZE}")
    endif()
  endforeach()
  if(stem MATCHES "_scalar$")
    set_source_files_properties(${path} TARGET_DIRECTORY oriel_engine PROPERTIES COMPILE_OPTIONS "${ORIEL_KERNEL_OPTIMIZATION};-fno-math-errno;-fno-trapping-math;${ORIEL_KERNEL_SANITIZE}")
  endif()
endfunction()
