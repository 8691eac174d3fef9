// SPDX-License-Identifier: BSL-1.0
#include "http/support/certificates.hpp"

#include <boost/asio/ip/address.hpp>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

namespace catena::test {
namespace {

void expect(bool holds) {
  if (!holds) throw std::runtime_error("OpenSSL refuses to make a certificate");
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  expect(extension && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

/// Not signed yet.
std::shared_ptr<X509> made_for(const std::string& name, EVP_PKEY* key, long serial, std::chrono::hours valid) {
  std::shared_ptr<X509> made(X509_new(), &X509_free);
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -48 * 3600);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), static_cast<long>(std::chrono::seconds(valid).count()));
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  expect(X509_set_pubkey(made.get(), key) == 1);
  return made;
}

std::shared_ptr<EVP_PKEY> new_key() {
  std::shared_ptr<EVP_PKEY> key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  expect(key != nullptr);
  return key;
}

/// The name of a new file of PEM.
template <class Write>
std::string file_of(Write write) {
  std::string name = "/tmp/catena-test-ca-XXXXXX";
  const int handle = ::mkstemp(name.data());
  std::FILE* const file = handle < 0 ? nullptr : ::fdopen(handle, "w");
  expect(file && write(file) == 1);
  std::fclose(file);
  return name;
}

}  // namespace

authority::authority() : key_(new_key()), certificate_(made_for("a test's authority", key_.get(), 1, std::chrono::hours(1))) {
  X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get()));
  add_extension(certificate_.get(), certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
  expect(X509_sign(certificate_.get(), key_.get(), EVP_sha256()) > 0);
  file_ = file_of([&](std::FILE* file) { return PEM_write_X509(file, certificate_.get()); });
}

authority::~authority() {
  ::unlink(file_.c_str());
  for (const std::string& name : more_files_) ::unlink(name.c_str());
}

authority::identity authority::identity_of(const std::string& host, std::chrono::hours valid) const {
  const auto key = new_key();
  const auto certificate = made_for(host, key.get(), 2, valid);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate_.get()));
  boost::system::error_code no_address;
  boost::asio::ip::make_address(host, no_address);
  add_extension(certificate.get(), certificate_.get(), NID_subject_alt_name, (no_address ? "DNS:" : "IP:") + host);
  expect(X509_sign(certificate.get(), key_.get(), EVP_sha256()) > 0);
  return {certificate, key};
}

authority::files authority::server_files(const std::string& host) const {
  const auto [certificate, key] = identity_of(host, std::chrono::hours(1));
  more_files_.push_back(file_of([c = certificate.get()](std::FILE* file) { return PEM_write_X509(file, c); }));
  more_files_.push_back(file_of([k = key.get()](std::FILE* file) { return PEM_write_PrivateKey(file, k, nullptr, nullptr, 0, nullptr, nullptr); }));
  return {more_files_[more_files_.size() - 2], more_files_.back()};
}

std::shared_ptr<http::tls_context> authority::server(const std::string& host, std::chrono::hours valid) const {
  const auto [certificate, key] = identity_of(host, valid);
  SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
  expect(context && SSL_CTX_use_certificate(context, certificate.get()) == 1 && SSL_CTX_use_PrivateKey(context, key.get()) == 1);
  return http::tls_context::for_server(context);
}

}  // namespace catena::test
