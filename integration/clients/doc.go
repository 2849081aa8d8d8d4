// Package clients has tests only: programs and libraries that people use with AWS KMS and AWS STS, as they are published,
// against a Keyhold server on SoftHSM2. It is a module of its own, so that who uses, builds or tests Keyhold never
// downloads them. make clients runs them.
package clients
