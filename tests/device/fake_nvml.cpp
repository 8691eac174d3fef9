// SPDX-License-Identifier: BSL-1.0
// A shared library with NVML's functions, written from its documentation and not from src/device: each checks the other.
#include "device/fake_nvml.hpp"

#include <algorithm>
#include <cstring>
#include <string>

extern "C" {

using nvmlReturn_t = unsigned int;
using nvmlDevice_t = catena::test::fake_gpu*;
struct nvmlUtilization_t { unsigned int gpu, memory; };
struct nvmlMemory_t { unsigned long long total, free, used; };

catena::test::fake_machine* fake_nvml_machine() {
  static catena::test::fake_machine machine;
  return &machine;
}

nvmlReturn_t nvmlInit_v2() {
  auto& machine = *fake_nvml_machine();
  if (machine.start_code != 0) return machine.start_code;
  ++machine.starts;
  ++machine.users;
  return 0;
}

nvmlReturn_t nvmlShutdown() { return fake_nvml_machine()->users-- > 0 ? 0 : 1; }

const char* nvmlErrorString(nvmlReturn_t code) {
  switch (code) {
    case 1: return "Uninitialized";
    case 9: return "Driver Not Loaded";
    case 15: return "GPU is lost";
    case 18: return "Driver/library version mismatch";
    default: return "Unknown Error";
  }
}

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int* count) {
  auto& machine = *fake_nvml_machine();
  if (machine.users == 0) return 1;
  *count = static_cast<unsigned int>(machine.gpus.size());
  return machine.count_code;
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t* device) {
  auto& machine = *fake_nvml_machine();
  if (machine.users == 0) return 1;
  if (index >= machine.gpus.size()) return 2;
  *device = &machine.gpus[index];
  return machine.gpus[index].found;
}

static nvmlReturn_t copy_text(const std::string& from, char* to, unsigned int length) {
  if (from.size() >= length) return 7;
  std::memcpy(to, from.c_str(), from.size() + 1);
  return 0;
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char* name, unsigned int length) {
  return device->told != 0 ? device->told : copy_text(device->name, name, length);
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char* uuid, unsigned int length) {
  return device->told != 0 ? device->told : copy_text(device->uuid, uuid, length);
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t* utilization) {
  *utilization = {device->compute_percent, device->memory_percent};
  return std::max(device->told, device->utilisation_told);
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t* memory) {
  *memory = {device->total_bytes, device->total_bytes - device->used_bytes, device->used_bytes};
  return device->told;
}

#ifndef CATENA_FAKE_NVML_WITHOUT_TEMPERATURE
nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, unsigned int sensor, unsigned int* celsius) {
  if (sensor != 0) return 2;
  *celsius = device->celsius;
  return device->told;
}
#endif
}
