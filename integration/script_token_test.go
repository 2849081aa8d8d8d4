package integration

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/softhsm"
)

// scriptObjects sets NAME to the file of the object that came into the token since it was last asked, where there is
// exactly one, and to nothing otherwise.
func scriptObjects(ts *testscript.TestScript, args []string) error {
	files, err := filepath.Glob(filepath.Join(ts.Getenv("KEYHOLD_DATA"), "softhsm", "tokens", "*", "*-*.object"))
	if err != nil {
		return err
	}
	known := strings.Fields(ts.Getenv("OBJECTS"))
	ts.Setenv("OBJECTS", strings.Join(files, " "))
	fresh := slices.DeleteFunc(files, func(f string) bool { return slices.Contains(known, f) })
	ts.Setenv(args[0], "")
	if len(fresh) == 1 {
		ts.Setenv(args[0], fresh[0])
	}
	return nil
}

// halfMade are the attributes of PKCS #11 that a half-made key of SoftHSM lacks: CKA_VALUE, CKA_CHECK_VALUE, CKA_LOCAL,
// CKA_KEY_GEN_MECHANISM, and the CKA_ID of the key that it is a copy of.
var halfMade = []uint64{0x11, 0x90, 0x163, 0x166, 0x102}

// scriptHalve makes a copy of an object file as SoftHSM leaves it when it is killed in the making of a key. The file is 8
// octets and then, for each attribute, its type, its kind and its value.
func scriptHalve(ts *testscript.TestScript, args []string) error {
	old, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	kept, rest := bytes.Clone(old[:8]), old[8:]
	for len(rest) > 0 {
		size := 16
		switch kind := binary.BigEndian.Uint64(rest[8:]); kind {
		case 1: // a truth value
			size++
		case 2: // a number
			size += 8
		case 3, 4: // octets, and mechanisms within octets
			size += 8 + int(binary.BigEndian.Uint64(rest[16:]))
		case 5: // a set of mechanisms
			size += 8 + 8*int(binary.BigEndian.Uint64(rest[16:]))
		default:
			return fmt.Errorf("an attribute of kind %d in %s", kind, args[0])
		}
		if !slices.Contains(halfMade, binary.BigEndian.Uint64(rest)) {
			kept = append(kept, rest[:size]...)
		}
		rest = rest[size:]
	}
	half := filepath.Join(filepath.Dir(args[0]), "00000000-0000-0000-0000-000000000000")
	return errors.Join(os.WriteFile(half+".object", kept, 0o600), os.WriteFile(half+".lock", nil, 0o600))
}

// makeToken is the program softtoken DIR LABEL PIN-FILE: it makes a SoftHSM token in a directory and writes the PIN,
// which no command line shows, beside it.
func makeToken(args []string) error {
	if len(args) != 3 {
		return errors.New("usage: softtoken DIR LABEL PIN-FILE")
	}
	pin, err := os.ReadFile(args[2])
	if err != nil {
		return err
	}
	home, err := softhsm.Prepare(args[0])
	if err != nil {
		return err
	}
	user := bytes.TrimSpace(pin)
	return hsm.InitToken(context.Background(), hsm.NewToken{
		Module: home.Module, Env: home.Env(), Label: args[1], SOPIN: secret.New(bytes.Clone(user)), PIN: secret.New(user),
	})
}
