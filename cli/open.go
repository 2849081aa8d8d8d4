package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/audit"
	"github.com/keyhold/keyhold/kms/ops"
	"github.com/keyhold/keyhold/kms/store/sqlite"
	"github.com/urfave/cli/v2"
)

var (
	_ kms.Device = (*hsm.Token)(nil)
	_ kms.Log    = (*audit.Log)(nil)
)

// configName is the configuration in a data directory.
const configName = "keyhold.yaml"

// databaseName is the database in a data directory.
const databaseName = "keyhold.db"

// rewriteConfig is how a lost configuration is replaced. init cannot: it makes directories and adopts none.
const rewriteConfig = "write it again, from a backup, or with version: 1, account, region, and the module and token that keyhold hsm probe " +
	"recommends when its flags name the token; of a throw-away directory keyhold dev writes it"

// session is an open data directory: everything between the configuration and the service.
type session struct {
	dir     string
	config  configs.Config
	pin     hsm.PINSource
	log     *slog.Logger
	now     func() time.Time
	store   *sqlite.Store
	token   *hsm.Token
	audit   *audit.Log
	service *kms.Service
	remote  remote        // the server that is asked, if one is: then nothing above is open
	account kms.AccountID // whose root the caller is; empty: the directory's own
	caller  kms.Caller

	onStuck  func(error)                 // told when only a new process helps
	readOnly bool                        // the service settles nothing when it is opened
	serving  bool                        // the token is kept alive, and recovers by itself
	meter    func(kms.Device) kms.Device // what the service has the token through; nil: nothing
	poolWait func(time.Duration)         // told how long calls of the token waited for a session; nil: nobody
}

func (p *program) session(c *cli.Context, config configs.Config) *session {
	account, _ := actingAccount(c)
	return &session{dir: dataDir(c), config: config, account: account, pin: pinSource(config.Token.PIN),
		log: p.logger(c), now: p.now, onStuck: p.giveUp}
}

// dataDir is the data directory. A variable that is set to nothing is as good as none.
func dataDir(c *cli.Context) string { return or(c.String("data"), defaultData) }

// configPath is the configuration file that the command line names.
func configPath(c *cli.Context) string {
	if path := c.String("config"); path != "" {
		return path
	}
	return filepath.Join(dataDir(c), configName)
}

func loadConfig(c *cli.Context) (configs.Config, error) {
	path := configPath(c)
	config, err := configs.Load(path)
	if errors.Is(err, os.ErrNotExist) {
		missing := fmt.Errorf("there is no configuration %s", path)
		if _, err := os.Stat(filepath.Join(dataDir(c), databaseName)); err == nil && c.String("config") == "" {
			return config, advise(fmt.Errorf("%w, and the data directory %s has been initialised", missing, dataDir(c)), rewriteConfig)
		}
		return config, advise(missing,
			"make a throw-away data directory with keyhold dev, a lasting one with keyhold init, or name one with --data")
	}
	return config, err
}

// with opens the data directory, hands it to work, and closes it whatever happens. Where a server has the directory, or the
// command line names one elsewhere, work gets a session that asks it.
func (p *program) with(c *cli.Context, work func(context.Context, *session) error) error {
	if endpointOf(c) != "" {
		return p.elsewhere(c, work)
	}
	config, err := loadConfig(c)
	if err != nil {
		return err
	}
	server := findServer(c.Context, dataDir(c))
	if server == nil {
		return p.withService(c, work, false)
	}
	defer server.close()
	s := p.session(c, config)
	s.remote, s.caller = server, s.rootCaller()
	return work(c.Context, s)
}

// elsewhere is with for a server that is no neighbour: no data directory and no configuration is looked at.
func (p *program) elsewhere(c *cli.Context, work func(context.Context, *session) error) error {
	server, err := reach(c)
	if err != nil {
		return err
	}
	defer server.close()
	return work(c.Context, &session{log: p.logger(c), now: p.now, remote: server})
}

// own is with for commands that look at the token or the store themselves, and cannot while a server has them.
func (p *program) own(c *cli.Context, work func(context.Context, *session) error) error {
	return p.withOwn(c, work, false)
}

// look is own for commands that change nothing: the service is opened without settling what a crash left open.
func (p *program) look(c *cli.Context, work func(context.Context, *session) error) error {
	return p.withOwn(c, work, true)
}

func (p *program) withOwn(c *cli.Context, work func(context.Context, *session) error, readOnly bool) error {
	if server := findServer(c.Context, dataDir(c)); server != nil {
		server.close()
		return advise(fmt.Errorf("a server has the data directory %s and its token, which this command would have to open itself", dataDir(c)),
			"stop the server first. What it knows of the token is on its admin address: /readyz and /metrics")
	}
	return p.withService(c, work, readOnly)
}

func (p *program) withService(c *cli.Context, work func(context.Context, *session) error, readOnly bool) error {
	config, err := loadConfig(c)
	if err != nil {
		return err
	}
	s := p.session(c, config)
	s.readOnly = readOnly
	if s.store, err = p.openStore(c, config, s.log); err != nil {
		return err
	}
	if err := s.open(c.Context); err != nil {
		return errors.Join(err, s.close(c.Context))
	}
	return errors.Join(work(c.Context, s), s.close(c.Context))
}

// open opens what stands on the store, as far as it is not open yet. The store comes first so that two commands do not
// wait for each other's token.
func (s *session) open(ctx context.Context) error {
	for _, step := range s.steps() {
		if err := step.open(ctx); err != nil {
			return err
		}
	}
	return nil
}

// step is one part of opening a session.
type step struct {
	subject string
	open    func(context.Context) error
	detail  func() string // what was opened
	fix     string
}

func (s *session) steps() []step {
	return []step{
		{"token", s.openToken, func() string { return fmt.Sprintf("%q passed its self-test", s.token.Name()) },
			"Look at the module and its token: keyhold hsm probe"},
		{"audit log", s.openAudit, func() string { return auditDir(s.dir, s.config) },
			"Do what the finding says. If it says nothing: is the disk of the directory full or read-only?"},
		{"service", s.openService, func() string {
			meta := s.service.Meta()
			return fmt.Sprintf("account %s in region %s", meta.Account, meta.Region)
		}, "Name the right token and data directory, or restore the data directory from a backup."},
	}
}

func (s *session) openToken(ctx context.Context) (err error) {
	if s.token == nil {
		s.token, err = openToken(ctx, s.config, s.pin, s.log, tokenWatch{s.serving, s.onStuck, s.poolWait})
	}
	return err
}

func (s *session) openAudit(ctx context.Context) (err error) {
	s.audit, err = audit.Open(ctx, audit.Config{
		Dir: auditDir(s.dir, s.config), SegmentBytes: s.config.Audit.SegmentBytes, Logger: s.log,
	})
	return err
}

func (s *session) openService(ctx context.Context) (err error) {
	var device kms.Device = s.token
	if s.meter != nil {
		device = s.meter(device)
	}
	s.service, err = kms.New(ctx, kms.Config{
		Store: s.store, Device: device, Log: s.audit, Table: ops.Table(),
		Account: kms.AccountID(s.config.Account), Region: s.config.Region, Logger: s.log, Now: s.now,
		MaxKeysPerAccount: *s.config.Keys.PerAccount, MaxOnDemandRotations: *s.config.Keys.OnDemandRotations, RenewAfter: s.config.Keys.RenewAfterUses,
		ReadOnly: s.readOnly, Sweep: s.serving, Services: s.config.Services,
	})
	if err == nil {
		s.token.Expect(s.service.Meta().RowKey)
		s.caller = s.rootCaller()
	}
	return err
}

// realm is where the directory's keys live. The configuration says it, and kms.New refuses one that says something else.
func (s *session) realm() kms.Realm { return kms.Realm{Partition: "aws", Region: s.config.Region} }

// rootCaller is the root of the account that the command acts for.
func (s *session) rootCaller() kms.Caller {
	account := kms.AccountID(or(string(s.account), s.config.Account))
	return kms.Caller{Account: account, Root: true, ARN: s.realm().RootARN(account), PrincipalID: string(account),
		Source: "local", Agent: "keyhold-cli/" + version, Local: true}
}

// close closes what is open, last opened first.
func (s *session) close(ctx context.Context) error {
	var errs []error
	if s.service != nil {
		s.service.Close(context.WithoutCancel(ctx))
	}
	if s.audit != nil {
		errs = append(errs, s.audit.Close())
	}
	if s.token != nil {
		errs = append(errs, s.token.Close())
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	return errors.Join(errs...)
}

func auditDir(dir string, config configs.Config) string {
	if filepath.IsAbs(config.Audit.Dir) {
		return config.Audit.Dir
	}
	return filepath.Join(dir, config.Audit.Dir)
}

// openStore takes the data directory. Where another process has it, it says so and waits.
func (p *program) openStore(c *cli.Context, config configs.Config, log *slog.Logger) (*sqlite.Store, error) {
	return p.takeStore(c, config, log, sqlite.Open)
}

// silence is how long a command waits without saying so: most hold the data directory for a moment only.
const silence = 500 * time.Millisecond

func (p *program) takeStore(c *cli.Context, config configs.Config, log *slog.Logger,
	take func(context.Context, sqlite.Config) (*sqlite.Store, error)) (*sqlite.Store, error) {
	sc := sqlite.Config{Dir: dataDir(c), LockWait: min(config.LockWait, silence), Command: c.Command.HelpName, Now: p.now, Logger: log}
	store, err := take(c.Context, sc)
	if !errors.Is(err, sqlite.ErrLocked) || config.LockWait <= silence {
		return store, err
	}
	if server := findServer(c.Context, dataDir(c)); server != nil && !starts(c) {
		server.close()
		return store, err // it will not end for a command's sake
	}
	p.sayf("waiting up to %s: %v", config.LockWait, err)
	sc.LockWait = config.LockWait - silence
	return take(c.Context, sc)
}

// starts tells a command that is a server itself, and so the next one when one is replaced.
func starts(c *cli.Context) bool { return c.Command.Name == "serve" || c.String("listen") != "" }

// do sends one operation to the service, as the root of the account that the command acts for.
func (s *session) do(ctx context.Context, operation string, in kms.Input) (any, error) {
	send := s.doHere
	if s.remote != nil {
		send = s.doThere
	}
	out, id, err := send(ctx, operation, in)
	if isDenied(err) {
		err = &deniedRequest{err, id, !s.owned()}
	}
	return out, err
}

// owned tells a session of the data directory's owner, who is the root of its accounts, from one of whom an access key is
// of.
func (s *session) owned() bool { return s.caller.Local }

// ownAccount is the account that the caller is of; "" when the server does not tell.
func (s *session) ownAccount(ctx context.Context) kms.AccountID {
	if s.owned() {
		return s.caller.Account
	}
	who, err := ask[api.GetCallerIdentityOutput](ctx, s, "GetCallerIdentity", &api.GetCallerIdentityInput{})
	if err != nil {
		return ""
	}
	return kms.AccountID(who.Account)
}

func (s *session) doHere(ctx context.Context, operation string, in kms.Input) (any, string, error) {
	id, err := kms.NewKeyID(rand.Reader)
	if err != nil {
		return nil, "", err
	}
	out, err := s.service.Do(ctx, kms.Request{ID: string(id), Operation: operation, Caller: s.caller, Input: in})
	return out, string(id), err
}

func (s *session) doThere(ctx context.Context, operation string, in kms.Input) (any, string, error) {
	for _, row := range ops.Table() {
		if d := row.Describe(); d.Name == operation {
			out, id, err := s.remote.do(ctx, s.caller, d, in)
			return out, id, remoteError(err, id)
		}
	}
	return nil, "", api.UnknownOperation()
}

// records calls f with each record of the audit log, whoever has it open.
func (s *session) records(ctx context.Context, f func(record []byte) error) error {
	each := func(_ uint64, record []byte) error { return f(record) }
	if !s.owned() {
		return advise(errors.New("the audit log is on the server's machine"),
			"run this there; or ask what would be decided with --principal, --action and --key")
	}
	if s.remote != nil {
		return audit.ReadDir(ctx, auditDir(s.dir, s.config), each)
	}
	return s.audit.Read(ctx, 0, each)
}

// ask is do for an answer of a known shape.
func ask[O any](ctx context.Context, s *session, operation string, in kms.Input) (*O, error) {
	out, err := s.do(ctx, operation, in)
	if err != nil {
		return nil, err
	}
	answer, ok := out.(*O)
	if !ok {
		return nil, fmt.Errorf("%s answered with a %T", operation, out)
	}
	return answer, nil
}
