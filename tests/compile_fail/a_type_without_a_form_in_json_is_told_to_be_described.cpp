// SPDX-License-Identifier: BSL-1.0
// expect: catena: this type has no form in JSON: .*describe your struct or enum with BOOST_DESCRIBE_STRUCT
#include <catena/llm/schema.hpp>

struct review {
  std::string product;
  int stars;
};

std::string wrong() { return catena::llm::schema_of<std::vector<review>>(); }
