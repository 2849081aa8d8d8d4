package faultp11_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/keyhold/keyhold/softhsm/faultp11"
	"github.com/miekg/pkcs11"
)

func TestAProcessCanUseOnePageAfterTheOther(t *testing.T) {
	if inChild(t) {
		return
	}
	d := newDevice(t, faultp11.Transparent)
	d.must(d.p.Finalize())
	second := newControl(t, t.TempDir(), d.home.Module, faultp11.CloudHSM)
	if err := second.Check(); !errors.Is(err, faultp11.ErrNotAttached) {
		t.Errorf("before C_Initialize: %v", err)
	}
	d.must(d.p.Initialize())
	d.must(second.Check())
	first := d.Calls(faultp11.GetInfo)
	second.Fail(faultp11.GetInfo, pkcs11.CKR_DEVICE_ERROR, 0)
	_, err := d.p.GetInfo()
	d.wants(pkcs11.CKR_DEVICE_ERROR, err)
	if second.Calls(faultp11.GetInfo) != 1 || d.Calls(faultp11.GetInfo) != first {
		t.Error("the call was not counted on the second page alone")
	}
	_, err = d.p.OpenSession(d.slotOf("one"), pkcs11.CKF_SERIAL_SESSION)
	d.wants(pkcs11.CKR_FUNCTION_FAILED, err) // CloudHSM's way
	again, err := faultp11.Open(second.Path)
	d.must(err)
	again.Clear()
	_, err = d.p.GetInfo()
	d.wants(0, err)
	d.must(again.Close())
}

func TestWithoutAPageThereIsOnlyTheMode(t *testing.T) {
	if inChild(t) {
		return
	}
	home := newHome(t)
	module, err := faultp11.Build("")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(faultp11.ModuleEnv, home.Module)
	t.Setenv(faultp11.ModeEnv, "cloudhsm")
	d := &device{tb: t, p: pkcs11.New(module)}
	_, err = d.p.GetInfo()
	d.wants(pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED, err)
	d.must(d.p.Initialize())
	_, err = d.p.OpenSession(d.slots()[0], pkcs11.CKF_SERIAL_SESSION)
	d.wants(pkcs11.CKR_FUNCTION_FAILED, err)
	d.must(d.p.Finalize())
	t.Setenv(faultp11.ModeEnv, "")
	d.must(d.p.Initialize())
	_, err = d.p.OpenSession(d.slots()[0], pkcs11.CKF_SERIAL_SESSION)
	if codeOf(err) == pkcs11.CKR_FUNCTION_FAILED {
		t.Error("the mode outlived its environment")
	}
	d.must(d.p.Finalize())
	d.p.Destroy()
}

func TestAWrongEnvironmentIsRefused(t *testing.T) {
	if inChild(t) {
		return
	}
	home := newHome(t)
	c := newControl(t, t.TempDir(), home.Module, 0)
	p := pkcs11.New(c.Module)
	d := &device{tb: t, p: p}
	short := filepath.Join(t.TempDir(), "short")
	d.must(os.WriteFile(short, []byte("short"), 0o600))
	page, err := os.ReadFile(c.Path)
	d.must(err)
	page[20]++ // one of the layout's numbers
	other := filepath.Join(t.TempDir(), "other")
	d.must(os.WriteFile(other, page, 0o600))
	for _, tc := range []struct{ name, variable, value string }{
		{"no module", faultp11.ModuleEnv, ""},
		{"a module that is not there", faultp11.ModuleEnv, "/no/such.so"},
		{"a library that is no module", faultp11.ModuleEnv, "libm.so.6"},
		{"a page that is not there", faultp11.ControlEnv, "/no/such.page"},
		{"a page that is a directory", faultp11.ControlEnv, home.Dir},
		{"a page that is too short", faultp11.ControlEnv, short},
		{"a page of another layout", faultp11.ControlEnv, other},
		{"an unknown mode", faultp11.ModeEnv, "quantum"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv(tc.variable, tc.value)
			if got := codeOf(p.Initialize()); got != pkcs11.CKR_GENERAL_ERROR {
				t.Errorf("C_Initialize answers 0x%X", got)
			}
		})
	}
	if _, err := faultp11.Open(other); err == nil {
		t.Error("Open takes a page of another layout")
	}
	if _, err := faultp11.Open(short); err == nil {
		t.Error("Open takes a page that is too short")
	}
	d.must(p.Initialize())
	d.must(c.Check())
	d.must(p.Finalize())
	if _, err := faultp11.New(filepath.Dir(c.Path), home.Module, faultp11.Luna); err == nil {
		t.Error("New overwrites a page")
	}
}

func TestTheModuleIsBuiltOnce(t *testing.T) {
	dir := t.TempDir()
	first, err := faultp11.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(first)
	if err != nil {
		t.Fatal(err)
	}
	second, err := faultp11.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(second)
	if err != nil {
		t.Fatal(err)
	}
	if first != second || !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) {
		t.Error("the module was compiled again")
	}
	t.Setenv(faultp11.FlagsEnv, "-O1")
	third, err := faultp11.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	if third == first {
		t.Error("other flags gave the same module")
	}
	t.Setenv(faultp11.CompilerEnv, "no-such-compiler")
	if _, err := faultp11.Build(dir); err == nil {
		t.Error("a compiler that does not exist built a module")
	}
	left, err := filepath.Glob(filepath.Join(dir, "build-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %s (%v)", left, err)
	}
}

func TestNamesCanBeRead(t *testing.T) {
	for fn := faultp11.Initialize; fn <= faultp11.AnyFunction; fn++ {
		if got, err := faultp11.ParseFunction(fn.String()); err != nil || got != fn {
			t.Errorf("%s is read as %s, %v", fn, got, err)
		}
	}
	for _, m := range []faultp11.Mode{faultp11.Transparent, faultp11.CloudHSM, faultp11.Luna} {
		if got, err := faultp11.ParseMode(m.String()); err != nil || got != m {
			t.Errorf("%s is read as %s, %v", m, got, err)
		}
	}
	if _, err := faultp11.ParseFunction("C_Nothing"); err == nil {
		t.Error("C_Nothing is a function")
	}
	if _, err := faultp11.ParseMode("nothing"); err == nil {
		t.Error("nothing is a mode")
	}
}
