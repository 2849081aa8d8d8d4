package integration

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// scaleVariable says how many objects the large token has; make scale sets 30,000.
const scaleVariable = "KEYHOLD_SCALE_OBJECTS"

// scaleSmall is the token that the large one is compared with.
const scaleSmall = 30

func scaleLarge(t *testing.T) int {
	t.Helper()
	text := os.Getenv(scaleVariable)
	if text == "" {
		return 2000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < scaleSmall {
		t.Fatalf("%s=%q: want a number above %d", scaleVariable, text, scaleSmall)
	}
	return n
}

// latencies are what one token size costs: typically, except for what happens once.
type latencies struct {
	objects                               int
	start, inventory                      time.Duration // once
	describe, encrypt, decrypt, createKey time.Duration
}

// TestOnlyStartAndInventoryGrowWithTheNumberOfObjects compares a token of 30 objects with a large one, as a server
// sees them: it lists the token once, at login. Creating a key is reported and not judged: that the new id is not
// taken is asked of the token, and SoftHSM looks through all its objects to answer.
func TestOnlyStartAndInventoryGrowWithTheNumberOfObjects(t *testing.T) {
	few, many := newSite(t), newSite(t)
	few.fill(t, scaleSmall)
	many.fill(t, scaleLarge(t))
	var small, large latencies
	var grown []string
	// Both are measured by turns, until nothing has grown or in the end: a machine may be busy for longer than one measure.
	for tries := 0; tries == 0 || tries < 5 && len(grown) > 0; tries++ {
		small, large = small.orBetter(few.measure(t, scaleSmall)), large.orBetter(many.measure(t, scaleLarge(t)))
		grown = large.grownFrom(small)
	}
	t.Logf("%10s %12s %12s %12s %12s %12s %12s", "objects", "start", "inventory", "describe", "encrypt", "decrypt", "create key")
	for _, l := range []latencies{small, large} {
		t.Logf("%10d %12v %12v %12v %12v %12v %12v", l.objects, l.start, l.inventory, l.describe, l.encrypt, l.decrypt, l.createKey)
	}
	for _, what := range grown {
		t.Error(what)
	}
}

// orBetter is the shorter of each two.
func (l latencies) orBetter(other latencies) latencies {
	if l.objects == 0 {
		return other
	}
	return latencies{l.objects, min(l.start, other.start), min(l.inventory, other.inventory), min(l.describe, other.describe),
		min(l.encrypt, other.encrypt), min(l.decrypt, other.decrypt), min(l.createKey, other.createKey)}
}

// grownFrom says what takes longer than on a small token.
func (l latencies) grownFrom(small latencies) (grown []string) {
	for name, pair := range map[string][2]time.Duration{
		"describe": {small.describe, l.describe}, "encrypt": {small.encrypt, l.encrypt}, "decrypt": {small.decrypt, l.decrypt},
	} {
		// Three times is far below any growth with the objects (67 or 1,000 times) and above the noise of a busy machine.
		if pair[1] > 3*pair[0]+time.Millisecond {
			grown = append(grown, fmt.Sprintf("%s takes %v with %d objects and %v with %d", name, pair[1], l.objects, pair[0], small.objects))
		}
	}
	return grown
}

func (s site) measure(t *testing.T, objects int) latencies {
	t.Helper()
	s.preload = true
	l := latencies{objects: objects}
	begin := time.Now()
	err := s.with(t.Context(), func(service *kms.Service, token *hsm.Token) error {
		l.start = time.Since(begin)
		id := newKey(t, service, fmt.Sprint("alias/scale-", time.Now().UnixNano()))
		l.describe = typical(t, 200, func() error {
			_, err := do(t, service, "DescribeKey", &api.DescribeKeyInput{KeyID: &id})
			return err
		})
		var blob []byte
		l.encrypt = typical(t, 200, func() error {
			out, err := do(t, service, "Encrypt", &api.EncryptInput{KeyID: &id, Plaintext: make([]byte, 32)})
			if sealed, ok := out.(*api.EncryptOutput); ok {
				blob = sealed.CiphertextBlob
			}
			return err
		})
		l.decrypt = typical(t, 200, func() error {
			_, err := do(t, service, "Decrypt", &api.DecryptInput{CiphertextBlob: blob})
			return err
		})
		l.createKey = typical(t, 3, func() error {
			_, err := do(t, service, "CreateKey", &api.CreateKeyInput{})
			return err
		})
		began := time.Now()
		found, err := token.Inventory(t.Context())
		l.inventory = time.Since(began)
		if err == nil && len(found) < objects {
			err = fmt.Errorf("the inventory has %d objects, want at least %d", len(found), objects)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// typical is how long the fastest tenth takes: a busy machine holds up some requests, and a number of objects all.
func typical(t *testing.T, n int, f func() error) time.Duration {
	t.Helper()
	times := make([]time.Duration, n)
	for i := range times {
		began := time.Now()
		if err := f(); err != nil {
			t.Fatal(err)
		}
		times[i] = time.Since(began)
	}
	slices.Sort(times)
	return times[n/10]
}

// fill puts somebody's AES keys into the token, by the module alone.
func (s site) fill(t *testing.T, objects int) {
	t.Helper()
	for name, value := range s.Env {
		t.Setenv(name, value)
	}
	p := pkcs11.New(s.Module)
	if p == nil {
		t.Fatalf("load %s", s.Module)
	}
	defer p.Destroy()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(p.Initialize())
	defer func() { _ = p.Finalize() }()
	slots, err := p.GetSlotList(true)
	check(err)
	session, err := p.OpenSession(slots[0], pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	check(err)
	check(p.Login(session, pkcs11.CKU_USER, sitePIN))
	for i := range objects {
		_, err := p.GenerateKey(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)}, []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32),
			pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
			pkcs11.NewAttribute(pkcs11.CKA_ID, fmt.Appendf(nil, "somebody's %d", i)),
		})
		check(err)
	}
}
