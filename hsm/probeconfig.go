package hsm

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/keyhold/keyhold/kms/device"
)

// recommend writes the configuration that this token was proven with, for a person to put into a file; "" when nothing
// was proven.
func (t *Token) recommend(r Report) string {
	iv, proven := t.provenIV(r)
	if !proven {
		return ""
	}
	lines := []string{"module:", "  path: " + strconv.Quote(t.modulePath()), "  profile: " + t.prof.name}
	if t.cfg.InitArgs != "" {
		lines = append(lines, "  init_args: "+strconv.Quote(t.cfg.InitArgs))
	}
	if len(t.cfg.Env) > 0 {
		lines = append(lines, "  env:")
		for _, name := range slices.Sorted(maps.Keys(t.cfg.Env)) {
			lines = append(lines, fmt.Sprintf("    %s: %s", name, strconv.Quote(t.cfg.Env[name])))
		}
	}
	lines = append(lines, "token:", "  "+t.selector())
	if iv != t.prof.cipher.IV {
		lines = append(lines, "  iv: "+iv.String())
	}
	if t.cfg.MaxObjects != 0 {
		lines = append(lines, fmt.Sprintf("  max_objects: %d", t.cfg.MaxObjects))
	}
	lines = append(lines, "  pin:", `    file: "/etc/keyhold/pin"`)
	return strings.Join(lines, "\n") + "\n"
}

// provenIV is the IV policy to recommend: the chosen one, or the one that took its place.
func (t *Token) provenIV(r Report) (device.IVPolicy, bool) {
	for _, trial := range r.IVTrials {
		if trial.Proven {
			return trial.policy, true
		}
	}
	return t.cipher.IV, r.Problem == ""
}

// modulePath is as the operator wrote it, since links are what survives an upgrade of the vendor's software.
func (t *Token) modulePath() string {
	if filepath.IsAbs(t.cfg.Module) {
		return t.cfg.Module
	}
	return t.mod.path
}

// selector finds the token again: by its label, unless the caller knew better.
func (t *Token) selector() string {
	switch {
	case t.cfg.Serial != "":
		return "serial: " + strconv.Quote(t.cfg.Serial)
	case t.cfg.Slot != nil:
		return fmt.Sprintf("slot: %d", *t.cfg.Slot)
	default:
		return "label: " + strconv.Quote(t.info.Label)
	}
}
