// Package ownership tells whether others than root and this process's user could change a file or put another in its
// place. Keyhold loads the library and sets the variables that its files name: who can change those files can have
// anything run with the rights of this process.
package ownership

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Error says that others could change what Keyhold is to rely on.
type Error struct {
	Problem string
	Fix     string // what to do or to run
}

func (e *Error) Error() string { return e.Problem + "; " + e.Fix }

// Check refuses a file or directory with an *Error, for itself or for a directory or link that leads to it. Of what does
// not exist it checks what leads there.
func Check(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return checkWay(path)
	}
	return check(path, info, err)
}

// CheckOpen is Check of an open file, so that the answer is about what will be read.
func CheckOpen(f *os.File) error {
	info, err := f.Stat()
	return check(f.Name(), info, err)
}

func check(path string, info fs.FileInfo, err error) error {
	if err != nil {
		return err
	}
	if err := judge(path, info, os.Geteuid()); err != nil {
		return err
	}
	return checkWay(path)
}

// checkWay goes from a path up to the root, and follows every link on it: who can rename one of these directories can
// put another in its place between the check and the use.
func checkWay(path string) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	for at, above := abs, ""; at != above; at, above = filepath.Dir(at), at {
		if err := checkStep(at); err != nil {
			return err
		}
	}
	return nil
}

func checkStep(at string) error {
	info, err := os.Lstat(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := judgeWay(at, info, os.Geteuid()); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return err
	}
	target, err := os.Readlink(at)
	if err != nil {
		return err
	}
	if !filepath.IsAbs(target) {
		dir, err := filepath.EvalSymlinks(filepath.Dir(at))
		if err != nil {
			return err
		}
		target = filepath.Join(dir, target)
	}
	return checkWay(target)
}

// judge decides about a file or directory of our own, me being the effective user.
func judge(path string, info fs.FileInfo, me int) error {
	if owner, foreign := foreignOwner(info, me); foreign {
		return &Error{
			fmt.Sprintf("%s belongs to user %d, who could have anything done as user %d", path, owner, me),
			fmt.Sprintf("run keyhold as its owner, or run: chown %d %s", me, path),
		}
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return &Error{fmt.Sprintf("%s has mode %04o, so others than its owner can change it", path, mode), "run: chmod go-w " + path}
	}
	return nil
}

// judgeWay decides about a directory or link that leads to a file. A group is let be: umask 002 and Debian's
// /usr/local/lib are common, and what a member puts in the file's place does not belong to its owner. So is everybody in
// a directory with the sticky bit, as /tmp: nobody can rename there what is another's.
func judgeWay(path string, info fs.FileInfo, me int) error {
	if owner, foreign := foreignOwner(info, me); foreign {
		return &Error{
			fmt.Sprintf("%s belongs to user %d, who could put anything in the place of what is reached through it", path, owner),
			"name a place below directories of your own, or run keyhold as that user",
		}
	}
	if mode := info.Mode(); mode.IsDir() && mode&0o002 != 0 && mode&fs.ModeSticky == 0 {
		return &Error{fmt.Sprintf("%s has mode %04o, so anybody can rename what is in it", path, mode.Perm()), "run: chmod go-w " + path}
	}
	return nil
}

func foreignOwner(info fs.FileInfo, me int) (int, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	owner := int(st.Uid)
	return owner, owner != 0 && owner != me
}
