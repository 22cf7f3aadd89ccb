package format

// Limits bound what a reader accepts and what a writer writes. A zero field is the default.
type Limits struct {
	Members      int   // in the container: 1,000,000
	Stored       int64 // bytes of a member as stored: 64 MiB
	Raw          int64 // bytes of a member's content: 64 MiB
	Record       int64 // bytes of a record: 16 MiB
	Depth        int   // of nested messages: 64
	Compartments int   // 64
	Wraps        int   // key files of a compartment: 16
	WorkFactor   int   // log2 of scrypt's cost: 18
	Attestations int   // 16
	Gaps         int   // gap records: 1,000,000
}

// Fixed by the format.
const (
	chunkSize       = 8 << 20 // raw bytes of a blob's chunk
	maxManifest     = 1 << 20 // bytes of manifest.json
	maxAttestation  = 256 << 10
	maxShardRecords = 1 << 16
	runEntries      = 1 << 20 // of the index
	pageEntries     = 1 << 13
	minVector       = 64      // bytes; shorter ones stay in the record
	maxVector       = 1 << 20 // bytes; longer ones stay in the record
)

func (l *Limits) orDefault() Limits {
	d := Limits{
		Members: 1_000_000, Stored: 64 << 20, Raw: 64 << 20, Record: 16 << 20, Depth: 64,
		Compartments: 64, Wraps: 16, WorkFactor: 18, Attestations: 16, Gaps: 1_000_000,
	}
	if l == nil {
		return d
	}
	pick(&d.Members, l.Members)
	pick(&d.Stored, l.Stored)
	pick(&d.Raw, l.Raw)
	pick(&d.Record, l.Record)
	pick(&d.Depth, l.Depth)
	pick(&d.Compartments, l.Compartments)
	pick(&d.Wraps, l.Wraps)
	pick(&d.WorkFactor, l.WorkFactor)
	pick(&d.Attestations, l.Attestations)
	pick(&d.Gaps, l.Gaps)
	return d
}

func pick[T int | int64](dst *T, v T) {
	if v != 0 {
		*dst = v
	}
}
