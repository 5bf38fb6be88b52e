// The commands of the shell. Each prints through the report and returns the exit status; errors are thrown.
#pragma once

#include "arguments.h"
#include "report.h"

namespace oriel::shell {

int run(const RunArguments& arguments, Report& report);
int info(const ModelArguments& arguments, Report& report);
int dump(const DumpArguments& arguments, Report& report);
int explain(const ExplainArguments& arguments, Report& report);
/// 1 where the two configurations differ by more than the tolerance.
int diff(const DiffArguments& arguments, Report& report);
int operators(const OperatorArguments& arguments, Report& report);
int doctor(const DoctorArguments& arguments, Report& report);

}  // namespace oriel::shell
