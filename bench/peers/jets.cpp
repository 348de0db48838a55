// The benchmark's functions on ceres::Jet, a chunk of N derivatives per pass, for calls through a C interface.
// The buffers of jets outlive the calls, so no call allocates.

#include <chrono>
#include <cmath>
#include <vector>

#include <ceres/jet.h>

using std::cos;
using std::erf;
using std::exp;
using std::log;
using std::sin;
using std::sqrt;
using std::tanh;

struct Example {
  template <typename T>
  T operator()(const std::vector<T>& x) const {
    return log(x[0]) + x[0] * x[1] - sin(x[1]);
  }
};

struct Rosenbrock {
  template <typename T>
  T operator()(const std::vector<T>& x) const {
    T total(0.0);
    for (size_t i = 0; i + 1 < x.size(); ++i) {
      const T a = 1.0 - x[i], b = x[i + 1] - x[i] * x[i];
      total += a * a + 100.0 * (b * b);
    }
    return total;
  }
};

struct Ackley {
  template <typename T>
  T operator()(const std::vector<T>& x) const {
    using S = typename T::Scalar;
    const S n(x.size()), a(20.0), b(0.2), c(2 * M_PI);
    T squares{S(0.0)}, waves{S(0.0)};
    for (const T& xi : x) {
      squares += xi * xi;
      waves += cos(c * xi);
    }
    return a + S(M_E) - a * exp(-b * sqrt(squares / n)) - exp(waves / n);
  }
};

struct Brusselator {
  template <typename T>
  void operator()(const std::vector<T>& x, std::vector<T>& out) const {
    const int points = x.size() / 2;
    const double k = (points + 1.0) * (points + 1.0) / 50;
    for (int i = 0; i < points; ++i) {
      const T u = x[2 * i], v = x[2 * i + 1];
      const T u_left = i > 0 ? x[2 * i - 2] : T(1.0), v_left = i > 0 ? x[2 * i - 1] : T(3.0);
      const T u_right = i < points - 1 ? x[2 * i + 2] : T(1.0), v_right = i < points - 1 ? x[2 * i + 3] : T(3.0);
      const T reaction = u * u * v;
      out[2 * i] = 1.0 + reaction - 4.0 * u + k * (u_left - 2.0 * u + u_right);
      out[2 * i + 1] = 3.0 * u - reaction + k * (v_left - 2.0 * v + v_right);
    }
  }
};

template <typename Jet>
void lift(std::vector<Jet>& jets, const double* x, int n) {
  jets.resize(n);
  for (int i = 0; i < n; ++i) {
    jets[i].a = x[i];
    jets[i].v.setZero();
  }
}

// Seeds the elements from `start` on and clears those of the pass before.
template <int N, typename Jet>
int seed(std::vector<Jet>& jets, int start, int n) {
  for (int k = 0; start > 0 && k < N; ++k) jets[start - N + k].v[k] = 0;
  const int lanes = n - start < N ? n - start : N;
  for (int k = 0; k < lanes; ++k) jets[start + k].v[k] = 1;
  return lanes;
}

template <int N, typename F>
void gradient(const F& f, const double* x, int n, double* g) {
  using Jet = ceres::Jet<double, N>;
  static std::vector<Jet> jets;
  lift(jets, x, n);
  for (int start = 0; start < n; start += N) {
    const int lanes = seed<N>(jets, start, n);
    const Jet y = f(jets);
    for (int k = 0; k < lanes; ++k) g[start + k] = y.v[k];
  }
}

template <int N, typename F>
void jacobian(const F& f, const double* x, int n, double* J) {
  using Jet = ceres::Jet<double, N>;
  static std::vector<Jet> jets, out;
  lift(jets, x, n);
  out.resize(n);
  for (int start = 0; start < n; start += N) {
    const int lanes = seed<N>(jets, start, n);
    f(jets, out);
    for (int r = 0; r < n; ++r)
      for (int k = 0; k < lanes; ++k) J[(long)r * n + start + k] = out[r].v[k];
  }
}

// NAME_N(x, n, result) computes once; NAME_N_seconds(x, n, result, calls) tells how long so many calls take.
#define ENTRY(name, transform, F, N)                                                           \
  extern "C" void name##_##N(const double* x, int n, double* result) {                         \
    transform<N>(F(), x, n, result);                                                           \
  }                                                                                            \
  extern "C" double name##_##N##_seconds(const double* x, int n, double* result, int calls) {  \
    const auto start = std::chrono::steady_clock::now();                                       \
    for (int i = 0; i < calls; ++i) {                                                          \
      transform<N>(F(), x, n, result);                                                         \
      asm volatile("" : : "r"(x), "r"(result) : "memory");                                     \
    }                                                                                          \
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();    \
  }

#define CHUNKS(name, transform, F) \
  ENTRY(name, transform, F, 4)     \
  ENTRY(name, transform, F, 8)     \
  ENTRY(name, transform, F, 16)    \
  ENTRY(name, transform, F, 32)    \
  ENTRY(name, transform, F, 100)

ENTRY(example, gradient, Example, 2)
CHUNKS(rosenbrock, gradient, Rosenbrock)
CHUNKS(ackley, gradient, Ackley)
CHUNKS(brusselator, jacobian, Brusselator)

// The Hessian: jets of jets, all pairs of chunks.
template <int N, typename F>
void hessian(const F& f, const double* x, int n, double* H) {
  using Inner = ceres::Jet<double, N>;
  using Jet = ceres::Jet<Inner, N>;
  static std::vector<Jet> jets;
  jets.resize(n);
  for (int first = 0; first < n; first += N)
    for (int second = 0; second < n; second += N) {
      for (int i = 0; i < n; ++i) {
        jets[i] = Jet(Inner(x[i]));
        if (second <= i && i < second + N) jets[i].a.v[i - second] = 1;
        if (first <= i && i < first + N) jets[i].v[i - first] = Inner(1.0);
      }
      const Jet y = f(jets);
      for (int i = 0; i < N && first + i < n; ++i)
        for (int j = 0; j < N && second + j < n; ++j) H[(long)(first + i) * n + second + j] = y.v[i].v[j];
    }
}

ENTRY(hessian_ackley, hessian, Ackley, 5)
ENTRY(hessian_ackley, hessian, Ackley, 10)
ENTRY(hessian_ackley, hessian, Ackley, 25)

// The Jacobian's entries that are not zero: every sixth column is of one colour.
extern "C" void sparse_brusselator(const double* x, int n, const long* rows, const long* colours, int entries,
                                   double* out) {
  constexpr int N = 6;
  using Jet = ceres::Jet<double, N>;
  static std::vector<Jet> jets, y;
  jets.resize(n);
  y.resize(n);
  for (int i = 0; i < n; ++i) jets[i] = Jet(x[i], i % N);
  Brusselator()(jets, y);
  for (int k = 0; k < entries; ++k) out[k] = y[rows[k]].v[colours[k]];
}

// Batches: one sample after the other.
template <typename T>
T waves_of(const T& x) {
  return sin(x) * exp(-x * x / 2.0) + tanh(3.0 * x) / (1.0 + x * x);
}

template <typename T>
T polynomial_of(const T& x) {
  const double c[] = {0.007, 0.015, 0.03, 0.06, 0.125, 0.25, 0.5, 1};
  T y = 0.007 + x * 0.003;
  for (int k = 1; k < 8; ++k) y = c[k] + x * y;
  return y;
}

template <typename T>
T normal_cdf(const T& x) {
  return 0.5 * (1.0 + erf(x * 0.7071067811865476));
}

template <typename T>
T call_price_of(const T& s, const T& k, const T& t, const T& r, const T& sigma) {
  const T spread = sigma * sqrt(t);
  const T d1 = (log(s / k) + (r + 0.5 * sigma * sigma) * t) / spread;
  return s * normal_cdf(d1) - k * exp(-r * t) * normal_cdf(d1 - spread);
}

#define ELEMENTWISE(name)                                                    \
  extern "C" void name(const double* x, long n, double* y, double* slope) { \
    for (long i = 0; i < n; ++i) {                                           \
      const auto jet = name##_of(ceres::Jet<double, 1>(x[i], 0));            \
      y[i] = jet.a;                                                          \
      slope[i] = jet.v[0];                                                   \
    }                                                                        \
  }

ELEMENTWISE(waves)
ELEMENTWISE(polynomial)

extern "C" void call_price(const double* s, const double* k, const double* t, const double* r, const double* sigma,
                           long n, double* y, double* slopes) {
  using Jet = ceres::Jet<double, 5>;
  for (long i = 0; i < n; ++i) {
    const Jet jet = call_price_of(Jet(s[i], 0), Jet(k[i], 1), Jet(t[i], 2), Jet(r[i], 3), Jet(sigma[i], 4));
    y[i] = jet.a;
    for (int j = 0; j < 5; ++j) slopes[j * n + i] = jet.v[j];
  }
}

template <typename T>
void residuals_of(const T* camera, const T* point, const T& weight, const double* feature, T* out) {
  const T a0 = point[0] - camera[3], a1 = point[1] - camera[4], a2 = point[2] - camera[5];
  const T &r0 = camera[0], &r1 = camera[1], &r2 = camera[2];
  const T angle = sqrt(r0 * r0 + r1 * r1 + r2 * r2);
  const T c = cos(angle), s = sin(angle), inverse = 1.0 / angle;
  const T u0 = r0 * inverse, u1 = r1 * inverse, u2 = r2 * inverse;
  const T along = (u0 * a0 + u1 * a1 + u2 * a2) * (1.0 - c);
  const T p0 = a0 * c + (u1 * a2 - u2 * a1) * s + u0 * along;
  const T p1 = a1 * c + (u2 * a0 - u0 * a2) * s + u1 * along;
  const T p2 = a2 * c + (u0 * a1 - u1 * a0) * s + u2 * along;
  const T x = p0 / p2, y = p1 / p2, rr = x * x + y * y;
  const T radial = 1.0 + camera[9] * rr + camera[10] * rr * rr;
  out[0] = weight * (x * radial * camera[6] + camera[7] - feature[0]);
  out[1] = weight * (y * radial * camera[6] + camera[8] - feature[1]);
}

extern "C" void residuals(const double* cameras, const double* points, const double* weights, const double* features,
                          long n, double* by_camera, double* by_point, double* by_weight) {
  using Jet = ceres::Jet<double, 15>;
  for (long i = 0; i < n; ++i) {
    Jet camera[11], point[3], out[2];
    for (int j = 0; j < 11; ++j) camera[j] = Jet(cameras[11 * i + j], j);
    for (int j = 0; j < 3; ++j) point[j] = Jet(points[3 * i + j], 11 + j);
    residuals_of(camera, point, Jet(weights[i], 14), features + 2 * i, out);
    for (int k = 0; k < 2; ++k) {
      for (int j = 0; j < 11; ++j) by_camera[22 * i + 11 * k + j] = out[k].v[j];
      for (int j = 0; j < 3; ++j) by_point[6 * i + 3 * k + j] = out[k].v[11 + j];
      by_weight[2 * i + k] = out[k].v[14];
    }
  }
}

// One epoch of mini-batch gradient descent on the mean squared error of a linear model with ten numbers.
extern "C" void epoch(const double* features, const double* labels, const long* order, long n, long batch, double rate,
                      double* w) {
  constexpr int N = 10;
  using Jet = ceres::Jet<double, N>;
  std::vector<double> rows(N * batch), targets(batch);
  for (long start = 0; start < n; start += batch) {
    for (long i = 0; i < batch; ++i) {  // all samples of a batch at once, so that memory is waited for once
      const long from = order[start + i];
      for (int k = 0; k < N; ++k) rows[N * i + k] = features[N * from + k];
      targets[i] = labels[from];
    }
    Jet lifted[N], total(0.0);
    for (int k = 0; k < N; ++k) lifted[k] = Jet(w[k], k);
    for (long i = 0; i < batch; ++i) {
      Jet error(-targets[i]);
      for (int k = 0; k < N; ++k) error += rows[N * i + k] * lifted[k];
      total += error * error;
    }
    for (int k = 0; k < N; ++k) w[k] -= rate * total.v[k] / batch;
  }
}
