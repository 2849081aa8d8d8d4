package faultp11

import (
	"fmt"
	"slices"
)

const anyName = "any"

// String is the name in the specification, say C_Encrypt.
func (fn Function) String() string {
	switch {
	case fn == AnyFunction:
		return anyName
	case fn >= 0 && int(fn) < len(functionNames):
		return functionNames[fn]
	}
	return fmt.Sprintf("Function(%d)", int(fn))
}

// ParseFunction is the function of a name in the specification, or AnyFunction for "any".
func ParseFunction(name string) (Function, error) {
	if name == anyName {
		return AnyFunction, nil
	}
	if i := slices.Index(functionNames[:], name); i >= 0 {
		return Function(i), nil
	}
	return 0, fmt.Errorf("there is no function %q in PKCS #11 2.40", name)
}
