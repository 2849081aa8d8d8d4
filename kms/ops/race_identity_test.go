package ops_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/kmstest"
)

func TestWhoWaitsForTheTokenIsRefusedWhatIsTakenAwayMeanwhile(t *testing.T) {
	for _, taking := range takings {
		t.Run(taking.name, func(t *testing.T) {
			s, w := newWatchedStage(t)
			a := taking.arrange(s, 0)
			if err := s.by(t.Context(), a.caller, a.operation, a.in); err != nil {
				t.Fatal(err)
			}
			gate := s.bench.device.Block(a.at, kmstest.BeforeCall)
			answers := make(chan error, callers)
			for range callers {
				go func() { answers <- s.by(mark(t.Context()), a.caller, a.operation, a.in) }()
			}
			gate.Await(t, callers)
			s.bench.device.Block(a.at, kmstest.BeforeCall).Release() // for who takes it away
			w.taken(t, a)
			gate.Release()
			for range callers {
				refused(t, <-answers, a.want)
			}
			refused(t, s.by(mark(t.Context()), a.caller, a.operation, a.in), a.want)
			w.none(t)
		})
	}
}

// The change has been decided on and waits for its rows to be authenticated. A revocation of the same key waits for it;
// any other comes first.
func TestAChangeThatIsDecidedButNotMadeIsRefusedWhatIsTakenAwayMeanwhile(t *testing.T) {
	for _, taking := range takings {
		t.Run(taking.name, func(t *testing.T) {
			s, w := newWatchedStage(t)
			a := taking.arrange(s, 0)
			if a.change == "" {
				return
			}
			if err := s.by(t.Context(), a.caller, a.operation, a.in); err != nil { // so that nothing must be read any more
				t.Fatal(err)
			}
			gate := s.bench.device.Block(kmstest.MethodMAC, kmstest.BeforeCall)
			changed, taken := make(chan error, 1), make(chan struct{})
			go func() { changed <- s.by(mark(t.Context()), a.caller, a.change, a.changes) }()
			gate.Await(t, 1)
			s.bench.device.Block(kmstest.MethodMAC, kmstest.BeforeCall).Release() // for who takes it away
			go func() {
				defer close(taken)
				w.taken(t, a)
			}()
			if !a.queues {
				<-taken
				gate.Release()
				refused(t, <-changed, a.want)
			} else {
				select {
				case <-taken:
					t.Error("it was taken away before the change was made")
				case <-time.After(20 * time.Millisecond):
				}
				gate.Release()
				if err := <-changed; err != nil {
					t.Error(err)
				}
				<-taken
			}
			refused(t, s.by(mark(t.Context()), a.caller, a.change, a.changes), a.want)
			w.none(t)
		})
	}
}

// answer is what a caller who never stops asking got.
type answer struct {
	begun bool // after the access was taken away
	err   error
}

// keepAsking uses the access, or makes changes by it, until it has been refused twice what it knew was taken away.
func (a access) keepAsking(s *stage, w *watch, changes bool, asked chan<- struct{}) (answers []answer) {
	for late := 0; late < 2; {
		got := answer{begun: w.revoked.Load()}
		ctx, caller := mark(s.t.Context()), a.caller
		if a.enter != nil {
			caller, got.err = a.enter()
		}
		switch {
		case got.err != nil:
		case changes && (got.begun || len(answers) < 2): // changes without end would have nobody else get anywhere
			got.err = s.by(ctx, caller, a.change, a.changes)
		default:
			got.err = s.by(ctx, caller, a.operation, a.in)
		}
		if got.begun {
			late++
		}
		if answers = append(answers, got); len(answers) == 1 {
			asked <- struct{}{}
		}
	}
	return answers
}

func TestNothingBegunAfterItWasTakenAwayIsDoneOnTheOldState(t *testing.T) {
	const rounds = 2
	for _, taking := range takings {
		t.Run(taking.name, func(t *testing.T) {
			s, w := newWatchedStage(t)
			for n := range rounds {
				w.revoked.Store(false)
				a := taking.arrange(s, n)
				asked := make(chan struct{}, callers)
				answers := make([][]answer, callers)
				var wg sync.WaitGroup
				for i := range callers {
					wg.Go(func() { answers[i] = a.keepAsking(s, w, a.change != "" && i%8 == 7, asked) })
				}
				for range callers {
					<-asked
				}
				w.taken(t, a)
				wg.Wait()
				for _, got := range slices.Concat(answers...) {
					// Of many changes at once a request may find its key changed under it four times.
					name, _ := errorOf(got.err)
					if name != a.want && (got.begun || got.err != nil && name != "DependencyTimeoutException") {
						t.Fatalf("round %d: asked after it was taken away: %v; answered %v", n, got.begun, got.err)
					}
				}
				w.none(t)
			}
		})
	}
}

// What another account's key is closed for, its grants cannot be retired either.
func TestAGrantOfAKeyWhoseAccountIsDisabledCannotBeRetiredFromOutside(t *testing.T) {
	b := newBench(t)
	id := b.account(otherAccount)
	alice := b.user("alice", allow("kms:*"))
	key := mustAs[*api.CreateKeyOutput](b, b.rootOf(id), "CreateKey", &api.CreateKeyInput{}).KeyMetadata
	grant := mustAs[*api.CreateGrantOutput](b, b.rootOf(id), "CreateGrant", grantTo(key.KeyID, alice.ARN, "Encrypt RetireGrant"))
	must[any](b, "DisableAccount", &api.DisableAccountInput{AccountID: &id})
	for _, in := range []*api.RetireGrantInput{{GrantToken: &grant.GrantToken}, {KeyID: &key.Arn, GrantID: &grant.GrantID}} {
		if _, err := tryAs[any](b, alice, "RetireGrant", in); err == nil {
			t.Error("it is retired")
		}
	}
	must[any](b, "EnableAccount", &api.EnableAccountInput{AccountID: &id})
	mustAs[any](b, alice, "RetireGrant", &api.RetireGrantInput{GrantToken: &grant.GrantToken})
}
