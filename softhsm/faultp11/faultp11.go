// Package faultp11 is a PKCS #11 module that stands in front of a real one and fails on command, and the controls to
// command it: device errors, lost replies, hangs, reboots, pulled tokens, refused logins; and the ways of AWS CloudHSM
// and of Thales Luna in FIPS mode, on a SoftHSM2. It is for tests and for game days against a test token, never for
// production: whoever can write to the control page decides what the module answers.
//
// The module is C, in the directory module, and is compiled when it is first needed. This package and the module talk
// through the control page, a file that both map; the process that loads the module may be this one or another. One
// page serves one such process at a time.
package faultp11

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"unsafe"
)

// The module's environment. It is read at C_Initialize.
const (
	ModuleEnv       = "FAULTP11_MODULE"       // the path of the real module
	ControlEnv      = "FAULTP11_CONTROL"      // the path of the control page; without one there are no faults
	ModeEnv         = "FAULTP11_MODE"         // transparent, cloudhsm or luna, where the page does not say
	ManufacturerEnv = "FAULTP11_MANUFACTURER" // what SetManufacturer sets, where the page does not say
)

// Mode is whose ways the module follows.
type Mode int

// The modes. The zero Mode leaves it to ModeEnv, and to Transparent without that.
const (
	// Transparent changes nothing.
	Transparent Mode = iota + 1
	// CloudHSM is AWS CloudHSM, Client SDK 5: read-write sessions only, 1,024 of them; no C_CopyObject and no
	// C_SetAttributeValue; the PIN is user:password; AES-GCM in one part of at most 16,224 octets, under an IV that the
	// token draws and writes over the 12 zeros it was given; CKM_CLOUDHSM_AES_GCM puts the IV in front; vendor numbers
	// for key wrapping; HMAC of at most 16,288 octets; some attributes refused; other object handles after each
	// C_Initialize.
	CloudHSM
	// Luna is Thales Luna 7 in FIPS mode: AES-GCM refuses an IV from the host, draws one of 16 octets and appends it
	// after the tag; decryption wants ulIvBits; vendor numbers for key wrapping.
	Luna
)

var modeNames = map[Mode]string{Transparent: "transparent", CloudHSM: "cloudhsm", Luna: "luna"}

func (m Mode) String() string {
	if name, ok := modeNames[m]; ok {
		return name
	}
	return fmt.Sprintf("Mode(%d)", int(m))
}

// ParseMode is the mode of a name.
func ParseMode(name string) (Mode, error) {
	for m, n := range modeNames {
		if n == name {
			return m, nil
		}
	}
	return 0, fmt.Errorf("there is no mode %q; choose transparent, cloudhsm or luna", name)
}

// Control commands one module through its page. Its methods may be called from many goroutines, before the module is
// loaded, while it is in use and after.
//
// The embedded Faults apply to all slots.
type Control struct {
	Faults

	// Module is what the application loads. It is empty after Open.
	Module string
	// Path is the control page.
	Path string

	real  string
	bytes []byte
	page  *page

	mu sync.Mutex // guards the claiming of slots and rules
}

const pageName = "faultp11.page"

// New compiles the module, unless that was done before, and makes a control page in dir, which should be private. The
// module will stand in front of realModule once the environment holds Env.
func New(dir, realModule string, mode Mode) (*Control, error) {
	if _, known := modeNames[mode]; !known && mode != 0 {
		return nil, fmt.Errorf("there is no mode %d", int(mode))
	}
	module, err := Build("")
	if err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(filepath.Join(dir, pageName))
	if err != nil {
		return nil, fmt.Errorf("resolve the control page: %w", err)
	}
	if err := makePage(abs, mode); err != nil {
		return nil, err
	}
	c, err := Open(abs)
	if err != nil {
		return nil, err
	}
	c.Module, c.real = module, realModule
	return c, nil
}

func makePage(path string, mode Mode) error {
	contents := make([]byte, pageSize)
	p := (*page)(unsafe.Pointer(unsafe.SliceData(contents)))
	p.magic.Store(pageMagic)
	p.version.Store(pageVersion)
	p.mode.Store(uint64(mode))
	for i, n := range layoutNumbers() {
		p.wanted[i].Store(n)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("make the control page: %w", err)
	}
	_, err = f.Write(contents)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the control page: %w", err)
	}
	return nil
}

// Open takes the controls of a page that New made, in this process or in another.
func Open(path string) (*Control, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open the control page: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open the control page: %w", err)
	}
	if info.Size() < pageSize {
		return nil, fmt.Errorf("%s is no control page: it has %d octets instead of %d", path, info.Size(), pageSize)
	}
	mapped, err := syscall.Mmap(int(f.Fd()), 0, pageSize, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map the control page: %w", err)
	}
	c := &Control{Path: path, bytes: mapped, page: (*page)(unsafe.Pointer(unsafe.SliceData(mapped)))}
	c.Faults = Faults{rows: &c.page.faults[0]}
	if err := c.page.check(c.page.wanted[:]); err != nil {
		return nil, errors.Join(fmt.Errorf("use the control page %s: %w", path, err), c.Close())
	}
	return c, nil
}

// Close gives the page's memory back. The file stays, and so do the faults that are set.
func (c *Control) Close() error {
	if c.bytes == nil {
		return nil
	}
	err := syscall.Munmap(c.bytes)
	c.bytes, c.page, c.Faults = nil, nil, Faults{}
	if err != nil {
		return fmt.Errorf("unmap the control page: %w", err)
	}
	return nil
}

// Env is what the process that loads Module must have in its environment before C_Initialize, besides what the real
// module wants.
func (c *Control) Env() map[string]string {
	return map[string]string{ModuleEnv: c.real, ControlEnv: c.Path}
}

// ErrNotAttached is what Check answers before the first C_Initialize.
var ErrNotAttached = errors.New("no module has attached to the control page yet")

// Check proves that a module uses the page and lays it out as this package does. The module has refused to initialise
// if it does not.
func (c *Control) Check() error {
	if c.page.pid.Load() == 0 {
		return ErrNotAttached
	}
	return c.page.check(c.page.actual[:])
}
