// Command faultctl breaks a test token on command, for game days: it makes the control page of package faultp11 and
// sets, clears and shows what is on it while the application runs. See the README beside the package.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/keyhold/keyhold/softhsm/faultp11"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

const usage = `faultctl create DIR REAL-MODULE transparent|cloudhsm|luna
    compiles the module, makes DIR/faultp11.page, prints the environment for the application
faultctl PAGE COMMAND [ARGUMENT...]
`

func run(args []string, stdout, stderr io.Writer) int {
	var err error
	switch {
	case len(args) == 4 && args[0] == "create":
		err = create(args[1], args[2], args[3], stdout)
	case len(args) >= 2 && args[0] != "create":
		err = command(args[0], args[1], args[2:], stdout)
	default:
		err = errUsage
	}
	switch {
	case errors.Is(err, errUsage):
		fmt.Fprint(stderr, usage)
		for _, v := range verbs {
			fmt.Fprintf(stderr, "    %s\n", v.form())
		}
		return 2
	case err != nil:
		fmt.Fprintln(stderr, "faultctl:", err)
		return 1
	}
	return 0
}

var errUsage = errors.New("usage")

func create(dir, module, modeName string, stdout io.Writer) error {
	mode, err := faultp11.ParseMode(modeName)
	if err != nil {
		return err
	}
	if module, err = filepath.Abs(module); err != nil {
		return fmt.Errorf("resolve the real module: %w", err)
	}
	c, err := faultp11.New(dir, module, mode)
	if err != nil {
		return err
	}
	env := c.Env()
	fmt.Fprintf(stdout, "# the application's PKCS #11 module: %s\n", c.Module)
	for _, name := range []string{faultp11.ModuleEnv, faultp11.ControlEnv} {
		fmt.Fprintf(stdout, "export %s='%s'\n", name, env[name])
	}
	return c.Close()
}

// verb is one command. Its arguments are what args names, of which the last may be left out if it is in brackets.
type verb struct {
	name string
	args []string
	do   func(c *faultp11.Control, a arguments, stdout io.Writer) error
}

const optionalCount = "[COUNT]"

func (v verb) form() string {
	form := v.name
	for _, a := range v.args {
		form += " " + a
	}
	return form
}

var verbs = []verb{
	{"fail", []string{"FUNCTION", "RV", optionalCount}, func(c *faultp11.Control, a arguments, _ io.Writer) error {
		c.Fail(a.function, a.rv, a.count)
		return nil
	}},
	{"lost-reply", []string{"FUNCTION", "RV", optionalCount}, func(c *faultp11.Control, a arguments, _ io.Writer) error {
		c.LostReply(a.function, a.rv, a.count)
		return nil
	}},
	{"delay", []string{"FUNCTION", "DURATION"}, func(c *faultp11.Control, a arguments, _ io.Writer) error {
		c.Delay(a.function, a.duration)
		return nil
	}},
	{"hang", []string{"FUNCTION", optionalCount}, func(c *faultp11.Control, a arguments, _ io.Writer) error {
		c.Hang(a.function, a.count)
		return nil
	}},
	{"release", []string{"FUNCTION"}, func(c *faultp11.Control, a arguments, _ io.Writer) error {
		c.Release(a.function)
		return nil
	}},
	{"kill", []string{"RV"}, func(c *faultp11.Control, a arguments, _ io.Writer) error {
		c.Kill(a.rv, 0)
		return nil
	}},
	{"kill-until-initialized", []string{"RV"}, func(c *faultp11.Control, a arguments, _ io.Writer) error {
		c.Kill(a.rv, faultp11.DeadUntilInitialized)
		return nil
	}},
	{"revive", nil, simple((*faultp11.Control).Revive)},
	{"reboot", nil, simple((*faultp11.Control).KillSessions)},
	{"log-out", nil, simple((*faultp11.Control).LogOut)},
	{"lose-link", nil, simple((*faultp11.Control).LoseLink)},
	{"restore-link", nil, simple((*faultp11.Control).RestoreLink)},
	{"refuse-login", []string{"RV", optionalCount}, func(c *faultp11.Control, a arguments, _ io.Writer) error {
		c.RefuseLogin(a.rv, a.count)
		return nil
	}},
	{"remove-token", []string{"SLOT"}, ofSlot((*faultp11.Slot).RemoveToken)},
	{"return-token", []string{"SLOT"}, ofSlot((*faultp11.Slot).ReturnToken)},
	{"clear", nil, simple((*faultp11.Control).Clear)},
	{"status", nil, func(c *faultp11.Control, _ arguments, w io.Writer) error { return status(c, w) }},
	{"trace", nil, func(c *faultp11.Control, _ arguments, w io.Writer) error {
		for _, e := range c.Trace() {
			fmt.Fprintln(w, e)
		}
		return nil
	}},
}

func simple(do func(*faultp11.Control)) func(*faultp11.Control, arguments, io.Writer) error {
	return func(c *faultp11.Control, _ arguments, _ io.Writer) error {
		do(c)
		return nil
	}
}

func ofSlot(do func(*faultp11.Slot)) func(*faultp11.Control, arguments, io.Writer) error {
	return func(c *faultp11.Control, a arguments, _ io.Writer) error {
		slot, err := c.Slot(a.slot)
		if err == nil {
			do(slot)
		}
		return err
	}
}

func command(path, name string, words []string, stdout io.Writer) (err error) {
	i := slices.IndexFunc(verbs, func(v verb) bool { return v.name == name })
	if i < 0 {
		return errUsage
	}
	a, err := parse(verbs[i].args, words)
	if err != nil {
		return err
	}
	c, err := faultp11.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return verbs[i].do(c, a, stdout)
}

type arguments struct {
	function faultp11.Function
	rv, slot uint
	count    uint64
	duration time.Duration
}

func parse(names, words []string) (a arguments, err error) {
	if len(words) == len(names)-1 && names[len(names)-1] == optionalCount {
		words = append(slices.Clone(words), "0")
	}
	if len(words) != len(names) {
		return a, errUsage
	}
	for i, name := range names {
		var n uint64
		switch name {
		case "FUNCTION":
			a.function, err = faultp11.ParseFunction(words[i])
		case "DURATION":
			a.duration, err = time.ParseDuration(words[i])
		default:
			n, err = strconv.ParseUint(words[i], 0, strconv.IntSize)
		}
		switch name {
		case "RV":
			a.rv = uint(n)
		case "SLOT":
			a.slot = uint(n)
		case optionalCount:
			a.count = n
		}
		if err != nil {
			return a, fmt.Errorf("read %s: %w", name, err)
		}
	}
	return a, nil
}

func status(c *faultp11.Control, w io.Writer) error {
	if err := c.Check(); err != nil {
		return err
	}
	attempts, accepted := c.Logins()
	hung, ever := c.Hung()
	misuse := c.Misuse()
	for _, line := range []struct {
		name  string
		value uint64
	}{
		{"initialised", c.Initialised()}, {"finalised", c.Finalised()},
		{"login attempts", attempts}, {"logins", accepted}, {"sessions", c.Sessions()},
		{"calls", c.Calls(faultp11.AnyFunction)}, {"in flight", c.InFlight()}, {"hung", hung}, {"hung ever", ever},
		{"finalised in use", misuse.FinalizedInUse}, {"shared sessions", misuse.SharedSessions},
	} {
		fmt.Fprintf(w, "%-17s %d\n", line.name, line.value)
	}
	return nil
}
