// Declarations of ONNX Runtime's C++ API that examples/run_exported.cpp uses, for a check of its
// syntax and types where the real headers are not installed.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

enum OrtLoggingLevel { ORT_LOGGING_LEVEL_WARNING };
enum OrtAllocatorType { OrtArenaAllocator };
enum OrtMemType { OrtMemTypeDefault };

namespace Ort {
struct Env {
  Env(OrtLoggingLevel, const char*);
};
struct SessionOptions {
  SessionOptions& SetIntraOpNumThreads(int);
};
struct RunOptions {
  explicit RunOptions(std::nullptr_t);
};
struct MemoryInfo {
  static MemoryInfo CreateCpu(OrtAllocatorType, OrtMemType);
};
struct TensorTypeAndShapeInfo {
  std::vector<std::int64_t> GetShape() const;
};
struct Value {
  template <typename T>
  static Value CreateTensor(const MemoryInfo&, T*, std::size_t, const std::int64_t*, std::size_t);
  TensorTypeAndShapeInfo GetTensorTypeAndShapeInfo() const;
  template <typename T>
  T* GetTensorMutableData();
};
struct Session {
  Session(const Env&, const char*, const SessionOptions&);
  std::vector<Value> Run(const RunOptions&, const char* const*, const Value*, std::size_t,
                         const char* const*, std::size_t);
};
}  // namespace Ort
