// All of the C++ interface.
#pragma once

#include "oriel/element_type.h"
#include "oriel/error.h"
#include "oriel/library.h"
#include "oriel/options.h"
#include "oriel/session.h"
#include "oriel/value.h"
