// All that a part of its own is written with: docs/adding-a-part.md.
#pragma once

#include "suites/common/catalogue.h"       // IWYU pragma: export
#include "suites/common/declared_cases.h"  // IWYU pragma: export
#include "suites/common/layout.h"          // IWYU pragma: export
#include "suites/common/parameters.h"      // IWYU pragma: export
