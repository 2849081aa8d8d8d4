package audit_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms/audit"
)

// BenchmarkAppend reports how long one acknowledgement of a record of 1 KiB takes, and how many come per second.
func BenchmarkAppend(b *testing.B) {
	record := fmt.Appendf(nil, `{"pad":%q}`, strings.Repeat("x", 1014))
	for _, producers := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("producers-%d", producers), func(b *testing.B) {
			l := openLog(b, audit.Config{Dir: filepath.Join(b.TempDir(), "audit")})
			took := make([]time.Duration, b.N)
			b.ResetTimer()
			var wg sync.WaitGroup
			for p := range producers {
				wg.Go(func() {
					for i := p; i < b.N; i += producers {
						start := time.Now()
						if err := l.Append(b.Context(), record); err != nil {
							b.Error(err)
							return
						}
						took[i] = time.Since(start)
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func BenchmarkHas(b *testing.B) {
	l := openLog(b, audit.Config{Dir: filepath.Join(b.TempDir(), "audit")})
	record, err := decryptEvent().Encode()
	if err != nil {
		b.Fatal(err)
	}
	batch := slices.Repeat([][]byte{record}, 1000)
	for range 20 {
		if err := l.Append(b.Context(), batch...); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(record)) * 20_000)
	for b.Loop() {
		if has, err := l.Has(b.Context(), []string{"not there"}); err != nil || has["not there"] {
			b.Fatal(has, err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	e := decryptEvent()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Encode(); err != nil {
			b.Fatal(err)
		}
	}
}
