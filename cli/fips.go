package cli

import (
	"crypto/fips140"
	"runtime/debug"

	"github.com/keyhold/keyhold/kms"
)

// fips is how Go's cryptography runs in this process: what is not the token's, such as TLS and signatures of requests
// (go.dev/doc/security/fips140).
type fips struct {
	// Mode is off, on (of Go's Cryptographic Module, as GODEBUG=fips140=on) or only (nothing else is allowed).
	Mode string `json:"mode"`
	// Module is the version of Go's Cryptographic Module that was chosen when the program was built, such as
	// v1.0.0-c2097c7c, or latest; "" when none was: then it is the toolchain's own, which nobody validates.
	Module string `json:"module"`
}

func fipsNow() fips {
	f := fips{Mode: "off"}
	switch {
	case fips140.Enforced():
		f.Mode = "only"
	case fips140.Enabled():
		f.Mode = "on"
	}
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return f
	}
	for _, s := range info.Settings {
		if s.Key == "GOFIPS140" {
			f.Module = s.Value
		}
	}
	return f
}

// String says it in a few words.
func (f fips) String() string {
	of := "no module chosen at build"
	if f.Module != "" {
		of = "Go Cryptographic Module " + f.Module
	}
	return "FIPS 140-3 mode " + f.Mode + ", " + of
}

// finding is never one to mend: who needs the mode knows it.
func (f fips) finding() kms.Finding {
	return kms.Finding{Subject: "cryptography", OK: true, Detail: f.String() + "; keys are the token's"}
}
