// What the public headers share: the names that the shared library exports, and the version of the interface, which is
// part of every name. Code writes oriel::Session and links to oriel::v1::Session.
#pragma once

#define ORIEL_API __attribute__((visibility("default")))

/// Inside the library the namespace is a plain one: the engine has classes of the same names in `oriel`.
#if defined(ORIEL_BUILDING_LIBRARY)
#define ORIEL_API_NAMESPACE v1
#else
#define ORIEL_API_NAMESPACE inline v1
#endif
