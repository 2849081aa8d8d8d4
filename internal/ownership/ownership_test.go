package ownership

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// described is a file that needs not be there, so that owners can be told apart without being root.
type described struct {
	mode  fs.FileMode
	owner uint32
}

func (d described) Name() string       { return "x" }
func (d described) Size() int64        { return 0 }
func (d described) Mode() fs.FileMode  { return d.mode }
func (d described) ModTime() time.Time { return time.Time{} }
func (d described) IsDir() bool        { return d.mode.IsDir() }
func (d described) Sys() any           { return &syscall.Stat_t{Uid: d.owner} }

const root, me, mallory = 0, 1000, 1001

func TestWhoCanChangeWhat(t *testing.T) {
	for name, tc := range map[string]struct {
		file      described
		user      int
		says, way string // "": trusted
	}{
		"a file of mine":                     {described{0o600, me}, me, "", ""},
		"a file of mine that others read":    {described{0o644, me}, me, "", ""},
		"a file of root's":                   {described{0o644, root}, me, "", ""},
		"a file of another's":                {described{0o600, mallory}, me, "chown 1000 /x", "/x belongs to user 1001"},
		"a file of another's, for root":      {described{0o600, mallory}, root, "chown 0 /x", "name a place below"},
		"a file that its group can write":    {described{0o664, me}, me, "has mode 0664", ""},
		"a file that anybody can write":      {described{0o606, me}, me, "chmod go-w /x", ""},
		"a directory of mine":                {described{fs.ModeDir | 0o755, me}, me, "", ""},
		"a directory that anybody can write": {described{fs.ModeDir | 0o777, root}, me, "chmod go-w /x", "chmod go-w /x"},
		"a directory that its group can":     {described{fs.ModeDir | 0o775, me}, me, "chmod go-w /x", ""},
		"a directory as /tmp":                {described{fs.ModeDir | fs.ModeSticky | 0o777, root}, me, "chmod go-w /x", ""},
		"a directory as /tmp of another's":   {described{fs.ModeDir | fs.ModeSticky | 0o777, mallory}, me, "belongs to user 1001", "belongs to user 1001"},
		"a link of mine":                     {described{fs.ModeSymlink | 0o777, me}, me, "chmod go-w", ""},
		"a link of another's":                {described{fs.ModeSymlink | 0o777, mallory}, me, "belongs to", "belongs to user 1001"},
		"a directory of another's, for root": {described{fs.ModeDir | 0o755, mallory}, root, "as user 0", "belongs to user 1001"},
	} {
		t.Run(name, func(t *testing.T) {
			wants(t, judge("/x", tc.file, tc.user), tc.says)
			wants(t, judgeWay("/x", tc.file, tc.user), tc.way)
		})
	}
}

func wants(t *testing.T, err error, says string) {
	t.Helper()
	var refusal *Error
	if says == "" && err != nil || says != "" && (!errors.As(err, &refusal) || !strings.Contains(err.Error(), says)) {
		t.Errorf("got %v, want %q", err, says)
	}
}

func TestEverythingThatLeadsToAFileCounts(t *testing.T) {
	for name, tc := range map[string]struct {
		path    string
		prepare func(dir string) error
		says    string // DIR is the directory
	}{
		"all is well":                         {"a/b/file", func(string) error { return nil }, ""},
		"a file that others can write":        {"a/b/file", func(dir string) error { return os.Chmod(dir+"/a/b/file", 0o622) }, "chmod go-w DIR/a/b/file"},
		"an open directory above it":          {"a/b/file", func(dir string) error { return os.Chmod(dir+"/a", 0o777) }, "chmod go-w DIR/a"},
		"an open directory with a sticky bit": {"a/b/file", func(dir string) error { return os.Chmod(dir+"/a", 0o777|fs.ModeSticky) }, ""},
		"an open directory above nothing":     {"a/none/none", func(dir string) error { return os.Chmod(dir+"/a", 0o777) }, "chmod go-w DIR/a"},
		"nothing in a good directory":         {"a/none/none", func(string) error { return nil }, ""},
		"a link to a file that others can": {"link", func(dir string) error {
			return errors.Join(os.Chmod(dir+"/a/b/file", 0o622), os.Symlink("a/b/file", dir+"/link"))
		}, "has mode 0622"},
		"a link into an open directory": {"link", func(dir string) error {
			return errors.Join(os.Chmod(dir+"/a", 0o777), os.Symlink("a/b/file", dir+"/link"))
		}, "chmod go-w DIR/a"},
		"a link to a link in an open one": {"link", chain, "chmod go-w DIR/open"},
		"a link that leads in a circle":   {"link", func(dir string) error { return os.Symlink("link", dir+"/link") }, "too many"},
		"a path through a link to a directory": {"link/b/file", func(dir string) error {
			return errors.Join(os.Chmod(dir+"/a", 0o777), os.Symlink(dir+"/a", dir+"/link"))
		}, "chmod go-w DIR/"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			err := errors.Join(os.MkdirAll(filepath.Join(dir, "a", "b"), 0o755), os.WriteFile(filepath.Join(dir, "a", "b", "file"), nil, 0o600), tc.prepare(dir))
			if err != nil {
				t.Fatal(err)
			}
			err = Check(filepath.Join(dir, tc.path))
			if says := strings.ReplaceAll(tc.says, "DIR", dir); says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
				t.Errorf("got %v, want %q", err, says)
			}
		})
	}
}

// chain leads to a good file through a link in a directory where anybody can change it.
func chain(dir string) error {
	return errors.Join(os.Mkdir(dir+"/open", 0o700), os.Chmod(dir+"/open", 0o777),
		os.Symlink("../a/b/file", dir+"/open/link"), os.Symlink("open/link", dir+"/link"))
}

// The file may be replaced after it was opened: what is read counts.
func TestAnOpenFileIsAskedItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o666)); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	wants(t, CheckOpen(f), "chmod go-w "+path)
}
