package api

import "fmt"

// What Keyhold knows and does not serve is refused and never passed over: a caller who asks for an attested recipient,
// say, must not get the plaintext instead.

func unservedf(sentence string, args ...any) error {
	return Unsupported(fmt.Sprintf(sentence, args...))
}

func unservedCustomKeyStore() error {
	return unservedf("CustomKeyStoreId is not supported by this server. Leave it out: " +
		"this server's own HSM is used.")
}

func unservedRecipient(r *RecipientInfo) error {
	if r == nil {
		return nil
	}
	return unservedf("Recipient is not supported by this server, which cannot verify attestation documents. " +
		"Leave it out to receive the plaintext over TLS.")
}

func unservedServicePrincipal(member string) error {
	return unservedf("%s is not supported by this server, which no AWS service calls. Leave it out and name a user, role or account.", member)
}
