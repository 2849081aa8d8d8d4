package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

const heading = `# Keyhold's configuration.
# A field that is commented out has its default, or an example where it has none. Unknown fields are refused.
# Relative paths start at the directory of this file; audit.dir starts at the data directory.
`

// Marshal writes c as a commented file that Parse reads back to the same value, with its defaults filled in.
func Marshal(c Config) ([]byte, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	defaults := Config{}.withDefaults()
	defaults.Version = 0 // so that the version is always written
	out := bytes.NewBufferString(heading)
	section := ""
	for _, f := range fields {
		if parent(f.path) != section {
			section = parent(f.path)
			comment(out, section, sections[section])
			line(out, section, "", "")
		}
		comment(out, f.path, f.doc)
		value, usual := f.show(&c), f.show(&defaults)
		switch {
		case value != usual:
			line(out, f.path, "", " "+value)
		case f.example != "":
			line(out, f.path, "# ", " "+f.example)
		default:
			line(out, f.path, "# ", " "+value)
		}
	}
	return out.Bytes(), nil
}

func comment(out *bytes.Buffer, path, doc string) {
	out.WriteByte('\n')
	for text := range strings.SplitSeq(doc, "\n") {
		fmt.Fprintf(out, "%s# %s\n", indent(path), text)
	}
}

func line(out *bytes.Buffer, path, mark, value string) {
	fmt.Fprintf(out, "%s%s%s:%s\n", indent(path), mark, path[strings.LastIndexByte(path, '.')+1:], value)
}

func indent(path string) string { return strings.Repeat("  ", strings.Count(path, ".")) }

// Write writes c to a new file that only its owner can read. It never overwrites: where the file exists the error
// matches fs.ErrExist.
func Write(path string, c Config) (err error) {
	data, err := Marshal(c)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("write the configuration: %w; edit the file that is there, or choose another directory", err)
	}
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write the configuration: %w", err), os.Remove(path))
	}
	return nil
}
