package format

import (
	"sync"
)

// jobType is what a job's bytes are.
type jobType uint8

const (
	jobRecords jobType = iota + 1
	jobVectors
	jobIndex
	jobRoot
	jobBlob
	jobBarrier
)

// job is one member on its way: filled by the caller of Put, packed by a worker, written by the
// one goroutine that writes, in the order of submission.
type job struct {
	typ     jobType
	name    string // of the member
	comp    int
	raw     []byte
	kind    string // records
	ordinal uint64 // of a shard or vector member; of an index page: its place in the run
	count   uint64 // records, vectors or entries
	salt    [32]byte
	fences  [2]uint64 // of an index page

	out  []byte
	root [32]byte // records: of the shard's tree
	sum  [32]byte // SHA-256 of out
	crc  uint32
	err  error

	last bool // of a blob: its buffers are not needed any more
	done chan struct{}
	home chan *job // where it goes when it is written
}

// pipeline moves jobs from one producer through workers to one writer. A fixed number of jobs
// bounds memory: who wants one waits until one is free.
type pipeline struct {
	work, order chan *job
	free        chan *job // for members of shard size
	freeBlob    chan *job // for chunks of blobs
	write       func(*job) error
	wg, owg     sync.WaitGroup
	stopped     bool

	mu  sync.Mutex
	err error
}

// newPipeline starts n workers. pack is called by worker i and by no other.
func newPipeline(n int, pack func(i int, j *job) error, write func(*job) error) *pipeline {
	jobs, blobs := n+3, min(n, 2)
	p := &pipeline{
		work: make(chan *job, jobs+blobs+1), order: make(chan *job, jobs+blobs+1),
		free: make(chan *job, jobs), freeBlob: make(chan *job, blobs), write: write,
	}
	for range jobs {
		p.free <- &job{done: make(chan struct{}, 1), home: p.free}
	}
	for range blobs {
		p.freeBlob <- &job{done: make(chan struct{}, 1), home: p.freeBlob}
	}
	for i := range n {
		p.wg.Go(func() {
			for j := range p.work {
				j.err = pack(i, j)
				j.done <- struct{}{}
			}
		})
	}
	p.owg.Go(p.writeAll)
	return p
}

func (p *pipeline) writeAll() {
	for j := range p.order {
		<-j.done
		if j.typ == jobBarrier {
			j.home <- j
			continue
		}
		err := j.err
		if err == nil && p.failed() == nil {
			err = p.write(j)
		}
		if err != nil {
			p.fail(err)
		}
		if j.last {
			j.raw, j.out = nil, nil
		}
		j.home <- j
	}
}

// get waits for a free job. Its buffers are empty and keep their capacity.
func (p *pipeline) get(from chan *job) *job {
	j := <-from
	*j = job{raw: j.raw[:0], out: j.out[:0], done: j.done, home: j.home}
	return j
}

// submit hands j over.
func (p *pipeline) submit(j *job) {
	p.order <- j
	p.work <- j
}

// barrier waits until everything submitted so far is written.
func (p *pipeline) barrier() error {
	j := &job{typ: jobBarrier, done: make(chan struct{}, 1), home: make(chan *job, 1)}
	j.done <- struct{}{}
	p.order <- j
	<-j.home
	return p.failed()
}

// stop ends all goroutines. Nothing may be submitted after it, but a further stop.
func (p *pipeline) stop() error {
	if p.stopped {
		return p.failed()
	}
	p.stopped = true
	close(p.work)
	p.wg.Wait()
	close(p.order)
	p.owg.Wait()
	return p.failed()
}

func (p *pipeline) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
}

func (p *pipeline) failed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}
