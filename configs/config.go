// Package configs is Keyhold's configuration: the schema, a strict reader that reports every mistake at once, the
// defaults, and a writer whose output a person can edit.
package configs

import (
	"fmt"
	"math"
	"time"

	"github.com/keyhold/keyhold/kms/device"
)

// Version is the schema that this package reads and writes.
const Version = 1

// Profiles are the token profiles that module.profile may name.
var Profiles = []string{"softhsm2", "cloudhsm", "luna", "nshield", "generic"}

// MaxUses is the largest keys.renew_after_uses: NIST SP 800-38D 8.3 allows 2^32 invocations of AES-GCM with random IVs
// under one key.
const MaxUses = math.MaxUint32

// Config is one installation's configuration. Load and Parse return it with every default filled in; a Config made by
// hand may leave the zero of a field, which each field documents.
type Config struct {
	Version  int           // version: the schema of the file; 0 means Version
	Account  string        // account: the AWS account id in ARNs, 12 digits; required
	Region   string        // region: the region in ARNs and signatures; "" means us-east-1
	Services []string      // services: which services have a key of their own in every account, alias/aws/<service>; nil means none
	Module   Module        // module: the PKCS#11 library
	Token    Token         // token: which token of the module, and how to log in; required
	Keys     Keys          // keys: limits on master keys
	Audit    Audit         // audit: the audit log
	Server   Server        // server: what keyhold serve listens on
	LockWait time.Duration // lock_wait: how long a command waits for the data directory's lock; 0 means 10s
	Dev      bool          // dev: a throw-away data directory made by `keyhold dev`, which the server refuses
}

// Module names the PKCS#11 library and how to start it.
type Module struct {
	Path     string            // module.path: the shared library; "" means SoftHSM2, found where packages put it
	InitArgs string            // module.init_args: the pReserved string of C_Initialize (NSS wants one); "" means none
	Env      map[string]string // module.env: variables set before the library is loaded; values as said at Load; nil means none
	Profile  string            // module.profile: one of Profiles; "" means chosen by what the token says of itself
}

// Token names one token, by exactly one of Label, Serial and Slot, and says how to use it.
type Token struct {
	Label       string          // token.label: the label without its padding, at most 32 octets
	Serial      string          // token.serial: serial number without its padding, at most 16 octets
	Slot        *uint64         // token.slot: slot number, which many modules renumber; nil means not used
	PIN         PIN             // token.pin: where the user PIN is; required
	IV          device.IVPolicy // token.iv: who makes the IVs of AES-GCM; 0 means as the profile says
	Sessions    int             // token.sessions: size of the session pool; 0 means the profile's
	StuckLimit  int             // token.stuck_limit: calls that never return before the process gives up; 0 means 16 or twice the pool
	MaxObjects  int             // token.max_objects: how many objects the token holds; 0 means the profile's
	CallTimeout time.Duration   // token.call_timeout: deadline of one call to the token; 0 means 5s
	Exclusive   *bool           // token.exclusive: nobody else uses this token, so debris on it is ours; nil means the profile's
}

// PIN says where the PIN is, by exactly one of its fields. The PIN itself never stands in a configuration.
type PIN struct {
	File       string // token.pin.file: a file that holds the PIN
	FD         int    // token.pin.fd: an inherited descriptor, 3 or more; 0 means not used
	Credential string // token.pin.credential: name of a systemd credential (LoadCredential=)
}

// Keys limits the life of master keys.
type Keys struct {
	PerAccount        *int   // keys.per_account: customer managed keys of one account, 0 for no limit; nil means 10000
	OnDemandRotations *int   // keys.on_demand_rotations: on-demand rotations of one key, 0 for no limit; nil means 25, as AWS KMS
	RenewAfterUses    uint64 // keys.renew_after_uses: encryptions before a generation is replaced, at most MaxUses; 0 means 2^31
}

// Audit says where the audit log is and how it is cut.
type Audit struct {
	Dir          string // audit.dir: directory, relative to the data directory; "" means audit
	SegmentBytes int64  // audit.segment_bytes: size at which a segment is closed; 0 means 64 MiB
}

// Server says what keyhold serve listens on, and whom it answers.
type Server struct {
	Listen      string        // server.listen: address and port of the AWS API; "" means 127.0.0.1:8480
	Admin       string        // server.admin: address and port of health and metrics; "" means there are none
	TLS         TLS           // server.tls: the certificate
	PlainHTTP   bool          // server.plain_http: without TLS on other addresses than the loopback's, behind a proxy that has it
	Regions     []string      // server.regions: further regions that signatures may be made for; nil means none
	Skew        time.Duration // server.skew: how far a signature's time may be off; 0 means 5m, at most 15m, whole minutes
	Grace       time.Duration // server.grace: how long requests under way are waited for at the end; 0 means 20s
	Connections int           // server.connections: how many may be open at a time; 0 means 10000
	Rates       Rates         // server.rates: how many requests may come in each second
}

// Rates are requests a second, up to 1,000,000, which may come in a burst of those of one second. The last three are of
// each account for one class of operations, along the lines of AWS's quotas (AWS KMS Developer Guide, "Request quotas").
type Rates struct {
	Account    int // server.rates.account: of each account; 0 means any number
	Principal  int // server.rates.principal: of each user and role; 0 means any number
	Symmetric  int // server.rates.symmetric: operations with keys, and GenerateRandom; 0 means any number
	Management int // server.rates.management: changes; 0 means any number
	Read       int // server.rates.read: operations that only look, and those that there are not; 0 means any number
}

// TLS names files in PEM. Certificate and Key belong together; both empty means no TLS.
type TLS struct {
	Certificate string // server.tls.certificate: the server's certificate with its chain
	Key         string // server.tls.key: its private key, which only Keyhold's user can read
	ClientCA    string // server.tls.client_ca: authorities whose certificates clients must have; "" means clients need none
}

// withDefaults returns a copy in which every documented zero is replaced by what it means. What depends on the token
// (profile, IVs, sessions, objects, exclusive) stays for those who know the token.
func (c Config) withDefaults() Config {
	setDefault(&c.Version, Version)
	setDefault(&c.Region, "us-east-1")
	setDefault(&c.LockWait, 10*time.Second)
	setDefault(&c.Token.CallTimeout, 5*time.Second)
	if c.Keys.PerAccount == nil {
		c.Keys.PerAccount = new(10000)
	}
	if c.Keys.OnDemandRotations == nil {
		c.Keys.OnDemandRotations = new(25)
	}
	setDefault(&c.Keys.RenewAfterUses, 1<<31)
	setDefault(&c.Audit.Dir, "audit")
	setDefault(&c.Audit.SegmentBytes, 64<<20)
	setDefault(&c.Server.Listen, "127.0.0.1:8480")
	setDefault(&c.Server.Skew, 5*time.Minute)
	setDefault(&c.Server.Grace, 20*time.Second)
	setDefault(&c.Server.Connections, 10000)
	if len(c.Services) == 0 {
		c.Services = nil
	}
	if len(c.Server.Regions) == 0 {
		c.Server.Regions = nil
	}
	if len(c.Module.Env) == 0 {
		c.Module.Env = nil
	}
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Problem is one mistake in a configuration.
type Problem struct {
	Line int    // line in the file, from 1; 0 means not known
	Path string // dotted path of the field, such as token.pin.file; "" means the file as a whole
	Text string // what is wrong, and what to do about it
}

// Error is every mistake found in one configuration, in the order of the file.
type Error struct {
	Name     string // file name as it was given; "" means none
	Problems []Problem
}

// Error writes one line for each problem: config.yaml:7: token.pin.file: what is wrong; what to do.
func (e *Error) Error() string {
	var out []byte
	for i, p := range e.Problems {
		if i > 0 {
			out = append(out, '\n')
		}
		if e.Name != "" && p.Line > 0 {
			out = fmt.Appendf(out, "%s:%d: ", e.Name, p.Line)
		} else if e.Name != "" {
			out = fmt.Appendf(out, "%s: ", e.Name)
		}
		if p.Path != "" {
			out = fmt.Appendf(out, "%s: ", p.Path)
		}
		out = append(out, p.Text...)
	}
	return string(out)
}
