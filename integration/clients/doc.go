// Package clients has tests only: programs and libraries that people use with AWS KMS and AWS STS, as they are published,
// against a Keyhold server on SoftHSM2. It is a module of its own, so that who uses, builds or tests Keyhold never
// downloads them. make clients fetches and runs them; .ci/clients says how.
//
// The seal wrapper is HashiCorp's, which Vault has. OpenBao's is a fork of the same code with the same stanza; it is not
// among the clients.
package clients
