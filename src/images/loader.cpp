// Finds and loads the library of image codecs.
#include <dlfcn.h>

#include <mutex>
#include <string>

#include "base/error.h"
#include "images/images.h"

namespace oriel {
namespace {

constexpr const char* kLibrary = "liboriel_images.so";
constexpr const char* kFunction = "oriel_decode_picture_1";

/// The folder of the object that this code is in, with a slash; "" where the system does not tell.
std::string own_folder() {
  static const char here = 0;
  Dl_info info;
  if (dladdr(&here, &info) == 0 || info.dli_fname == nullptr) return "";
  const std::string file = info.dli_fname;
  const std::size_t slash = file.rfind('/');
  return slash == std::string::npos ? "" : file.substr(0, slash + 1);
}

OrielDecodePicture open_library() {
  const std::string beside = own_folder() + kLibrary;
  std::string reason;
  for (const std::string& name : {beside, std::string(kLibrary)}) {
    // It stays loaded: pictures may be decoded at any time.
    void* library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    void* function = library == nullptr ? nullptr : dlsym(library, kFunction);
    if (function != nullptr) return reinterpret_cast<OrielDecodePicture>(function);
    const char* error = dlerror();
    reason += (reason.empty() ? "" : "; ") + std::string(error == nullptr ? "no reason given" : error);
  }
  fail(ErrorCode::kNotImplemented,
       "no image codecs ({}); {} is built where libjpeg-dev, libpng-dev, libtiff-dev, libwebp-dev and libopenjp2-7-dev "
       "are installed",
       reason, kLibrary);
}

}  // namespace

OrielDecodePicture load_image_codecs() {
  static std::mutex mutex;
  static OrielDecodePicture function = nullptr;
  const std::lock_guard lock(mutex);
  if (function == nullptr) function = open_library();
  return function;
}

}  // namespace oriel
