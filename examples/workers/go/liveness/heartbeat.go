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
	"io/fs"
	"math/bits"
	"os"
	"regexp"
	"syscall"
	"time"
)

// Options say who claims, and where.
type Options struct {
	// Name is the worker's role: 1 to 63 of A-Z a-z 0-9 . _ -, no dot first.
	Name string
	// Region is by default $SHM_LIVENESS_REGION, else "default".
	Region string
	// Directory is by default $SHM_LIVENESS_DIR, else /dev/shm.
	Directory string
	// MaxAge is how old the last beat may be. Required.
	MaxAge time.Duration
	// CycleLimit: a longer cycle is counted and timestamped. 0: none.
	CycleLimit time.Duration
	// Capacity is the region's number of slots, should this claim make it. By default 64.
	Capacity int
	// Mode is that of the region's file then: 0600 (the default), 0640 or 0660.
	Mode fs.FileMode
	// AllowDisk accepts a region that is not on tmpfs.
	AllowDisk bool
}

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

var validName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,62}$`)

const (
	lookEvery      = 1_000_000_000
	claimAgainWait = time.Millisecond // a beat must not block; the next look tries again
	longest        = 8784 * time.Hour
)

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// Claim takes the slot of the name (its old one, if it has one), and makes the region if there is none. Its errors are
// of type *Error.
func Claim(options Options) (*Heartbeat, error) {
	allow := os.Getenv("SHM_LIVENESS_ALLOW_DISK")
	p := place{
		directory: firstOf(options.Directory, os.Getenv("SHM_LIVENESS_DIR"), "/dev/shm"),
		region:    firstOf(options.Region, os.Getenv("SHM_LIVENESS_REGION"), "default"),
		allowDisk: options.AllowDisk || allow == "1" || allow == "true",
	}
	if options.Capacity == 0 {
		options.Capacity = 64
	}
	if options.Mode == 0 {
		options.Mode = 0o600
	}
	about := fmt.Sprintf("region %q, worker %q", p.region, options.Name)
	if !validName.MatchString(options.Name) || !validName.MatchString(p.region) {
		return nil, &Error{Code: "INVALID_NAME", About: about}
	}
	if options.MaxAge <= 0 || options.MaxAge > longest || options.CycleLimit < 0 || options.CycleLimit > longest ||
		options.Capacity < 1 || options.Capacity > maxSlots {
		return nil, &Error{Code: "INVALID_OPTION", About: about}
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

// LastWords is how the claim before this one in its slot ended.
type LastWords struct {
	// Ended is stopped, died or left-over.
	Ended      string
	Name       string
	Pid        int
	Beats      uint64
	WorstCycle time.Duration
	LateCycles uint64
	// Phase is empty if it was in none.
	Phase string
}

// LastWords gives false if there was no claim before this one.
func (h *Heartbeat) LastWords() (LastWords, bool) {
	if h.claim == nil {
		return LastWords{}, false
	}
	c, at := h.claim, bankAt(h.claim.slot, 1-h.claim.bank)
	ended := c.loadHalf(c.at + atPredecessorEnded)
	if ended < endedStopped || ended > endedLeftOver || c.loadHalf(at+atSerial) == 0 {
		return LastWords{}, false
	}
	words := LastWords{
		Ended: []string{"stopped", "died", "left-over"}[ended-1], Name: c.text(at+atName, nameBytes),
		Pid: int(c.loadHalf(at + atPid)), Beats: c.load(at + atBeats),
		WorstCycle: time.Duration(c.load(at + atWorstCycleNs)), LateCycles: c.load(at + atLateCycles),
	}
	if c.loadHalf(at+atInPhase) != 0 {
		words.Phase = c.text(at+atPhase, nameBytes)
	}
	return words, true
}
