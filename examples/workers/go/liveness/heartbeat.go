// Package liveness holds a worker's heartbeat in shared memory, where shm-probe reads it. Linux only, without cgo.
//
//	heartbeat, err := liveness.Claim(liveness.Options{Region: "camera", Name: "grabber", MaxAge: 250 * time.Millisecond})
//	...
//	defer heartbeat.Stop()
//	heartbeat.Ready()
//	for frame := range frames { handle(frame); heartbeat.Beat() }
package liveness

import (
	"fmt"
	"math/bits"
	"syscall"
	"time"
)

// Heartbeat is a claimed slot. One goroutine at a time may use it. Only Stop ends it as stopped; a process that ends
// without it is dead.
type Heartbeat struct {
	place   place
	options Options
	claim   *claim // nil once it is given up
	lost    bool   // another worker has the name in the region that is there now

	beats, last, worst, late uint64 // last 0: the next cycle has no beginning
	lookAt                   uint64
	inPhase                  bool
	ready                    bool
	status, phase            string
	budget                   time.Duration
}

const (
	lookEvery      = 1_000_000_000
	claimAgainWait = time.Millisecond // a beat must not block; the next look tries again
)

// Claim takes the slot of the name (its old one, if it has one), and makes the region if there is none. Its errors are
// of type *Error.
func Claim(options Options) (*Heartbeat, error) {
	p, about, err := options.check()
	if err != nil {
		return nil, err
	}
	taken, err := take(p, options, claimWait)
	if err != nil {
		return nil, located(err, about)
	}
	h := &Heartbeat{place: p, options: options}
	h.begin(taken)
	return h, nil
}

func (h *Heartbeat) begin(taken *claim) {
	h.claim = taken
	h.beats, h.last, h.worst, h.late, h.inPhase = 0, 0, 0, 0, false
	h.lookAt = monotonicNs() + lookEvery
}

// Beat says that the loop came round. It returns false if this heartbeat holds no slot any more.
func (h *Heartbeat) Beat() bool {
	if h.claim == nil {
		return false
	}
	c, now := h.claim, monotonicNs()
	c.store(c.at+atLastBeatNs, now)
	h.beats++
	c.store(c.at+atBeats, h.beats)
	if h.last != 0 {
		h.count(now-h.last, now)
	}
	h.last = now
	if h.inPhase {
		h.last = 0
	}
	return now < h.lookAt || h.look()
}

func (h *Heartbeat) count(cycle, now uint64) {
	bin := h.claim.life + 8*int64(bits.Len64(cycle|1)-1)
	h.claim.store(bin, h.claim.load(bin)+1)
	if cycle > h.worst {
		h.worst = cycle
		h.claim.store(h.claim.at+atWorstCycleNs, cycle)
	}
	if limit := uint64(h.options.CycleLimit); limit != 0 && cycle > limit {
		h.late++
		h.claim.store(h.claim.at+atLateAtNs, now)
		h.claim.store(h.claim.at+atLateCycles, h.late)
	}
}

// look says whether readers can find the slot, and claims anew if the region was removed.
func (h *Heartbeat) look() bool {
	h.lookAt = monotonicNs() + lookEvery
	var status syscall.Stat_t
	if syscall.Fstat(h.claim.fd, &status) == nil && status.Nlink > 0 {
		return true
	}
	taken, err := take(h.place, h.options, claimAgainWait)
	if err != nil {
		if code, ok := err.(fault); ok && code == "NAME_TAKEN" {
			h.lost = true
			h.giveUp(false)
		}
		return false
	}
	h.claim.release(false)
	h.begin(taken)
	if h.budget != 0 {
		h.writePhase()
	}
	if h.ready || h.status != "" {
		h.writeReady()
	}
	return h.Beat()
}

// require gives an error while the slot is not this worker's.
func (h *Heartbeat) require() error {
	if h.claim != nil && h.look() {
		return nil
	}
	code := "STOPPED"
	if h.claim != nil || h.lost {
		code = "REGION_REMOVED"
	}
	return &Error{Code: code, About: fmt.Sprintf("region %q, worker %q", h.place.region, h.options.Name)}
}

func checkText(text string, size int) error {
	for _, byte := range []byte(text) {
		if byte < 0x20 || byte == 0x7f {
			size = 0
		}
	}
	if len(text) >= size {
		return &Error{Code: "INVALID_TEXT", About: fmt.Sprintf("text %q", text)}
	}
	return nil
}

// Ready says that the worker can do its work: readiness passes while it beats.
func (h *Heartbeat) Ready() error { return h.sayReady(true, "") }

// NotReady takes Ready back; status, up to 55 bytes of one line, says why.
func (h *Heartbeat) NotReady(status string) error { return h.sayReady(false, status) }

func (h *Heartbeat) sayReady(ready bool, status string) error {
	if err := checkText(status, statusBytes); err != nil {
		return err
	}
	if err := h.require(); err != nil {
		return err
	}
	h.ready, h.status = ready, status
	h.writeReady()
	return nil
}

func (h *Heartbeat) writeReady() {
	c := h.claim
	c.writeUnder(c.at+atLabelsSequence, func() { c.storeText(c.at+atStatus, statusBytes, h.status) })
	var ready uint32
	if h.ready {
		ready = 1
	}
	c.storeHalf(c.at+atReady, ready)
}

// BeginPhase begins a phase, for work that takes longer than MaxAge. It ends by EndPhase or the next phase.
func (h *Heartbeat) BeginPhase(name string, budget time.Duration) error {
	if err := checkText(name, nameBytes); err != nil {
		return err
	}
	if name == "" || budget <= 0 || budget > longest {
		return &Error{Code: "INVALID_OPTION", About: fmt.Sprintf("phase %q with budget %v", name, budget)}
	}
	if err := h.require(); err != nil {
		return err
	}
	h.phase, h.budget = name, budget
	h.writePhase()
	return nil
}

func (h *Heartbeat) writePhase() {
	c := h.claim
	c.writeUnder(c.at+atLabelsSequence, func() { c.storeText(c.at+atPhase, nameBytes, h.phase) })
	h.last, h.inPhase = 0, true
	// The fresh sign of life first: a reader must not see the old one beside a new, shorter limit.
	c.store(c.at+atRenewedNs, monotonicNs())
	c.store(c.at+atStallLimitNs, uint64(h.budget))
	c.storeHalf(c.at+atInPhase, 1)
}

// EndPhase goes back to MaxAge, counted from now.
func (h *Heartbeat) EndPhase() error {
	if err := h.require(); err != nil {
		return err
	}
	h.phase, h.budget, h.last, h.inPhase = "", 0, 0, false
	c := h.claim
	c.store(c.at+atRenewedNs, monotonicNs())
	c.storeHalf(c.at+atInPhase, 0)
	c.store(c.at+atStallLimitNs, uint64(h.options.MaxAge))
	return nil
}

// Stop ends on purpose. It may be called again.
func (h *Heartbeat) Stop() { h.giveUp(true) }

func (h *Heartbeat) giveUp(stopped bool) {
	if h.claim != nil {
		h.claim.release(stopped)
		h.claim = nil
	}
}
