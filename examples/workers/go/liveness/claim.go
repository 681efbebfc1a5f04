package liveness

import (
	"os"
	"sort"
	"time"
)

// Lives that end before they have beaten for long, and are still given a grace of their own.
const forgivenLives = 3

// stop() stores the state and then unlocks; a successor may come between the two.
const releaseWait = 50 * time.Millisecond

// claim is a held slot. Its region's descriptor was opened for it alone, and carries the lock.
type claim struct {
	*region
	slot, bank uint32
	at, life   int64
}

// lastBank is the bank of the slot's latest claim.
type lastBank struct {
	*region
	at     int64
	bank   uint32
	serial uint32
}

func (r *region) last(slot uint32) lastBank {
	bank, serial := r.current(slot)
	return lastBank{r, bankAt(slot, bank), bank, serial}
}

func (l lastBank) name() string    { return l.text(l.at+atName, nameBytes) }
func (l lastBank) isStopped() bool { return l.loadHalf(l.at+atState) == stateStopped }
func (l lastBank) container() container {
	return container{l.load(l.at + atContainerKind), l.load(l.at + atContainerA), l.load(l.at + atContainerB)}
}

// lockBank locks the bank that a claim may write.
func (r *region) lockBank(slot uint32, wait time.Duration) error {
	bank, serial := r.current(slot)
	for deadline := time.Now().Add(wait); ; time.Sleep(100 * time.Microsecond) {
		held, err := isLocked(r.fd, lockByteOf(slot, bank), 1)
		if err != nil {
			return err
		}
		if !held {
			break
		}
		if serial == 0 {
			return fault("SLOT_LOCKED")
		}
		if !time.Now().Before(deadline) {
			return fault("NAME_TAKEN")
		}
	}
	taken, err := tryLock(r.fd, lockByteOf(slot, 1-bank))
	if err == nil && !taken {
		return fault("SLOT_LOCKED")
	}
	return err
}

// candidates are slots for a new name, the best first: fresh ones, those whose first claimant was killed, stopped ones,
// then those that another container left over; of each kind the one that was claimed longest ago. A dead slot of this
// container is evidence, and for its own name only.
func (r *region) candidates(mine container) []uint32 {
	var found []uint32
	used := r.usedSlots()
	for slot := used; slot < r.slots; slot++ {
		found = append(found, slot)
	}
	type aged struct {
		slot    uint32
		claimed uint64
	}
	var never, stopped, leftOver []aged
	for slot := uint32(0); slot < used; slot++ {
		last := r.last(slot)
		claimed := last.load(last.at + atClaimedBoottimeNs)
		switch {
		case last.serial == 0:
			never = append(never, aged{slot, 0})
		case last.isStopped():
			stopped = append(stopped, aged{slot, claimed})
		case mine.isOtherThan(last.container()):
			leftOver = append(leftOver, aged{slot, claimed})
		}
	}
	for _, class := range [][]aged{never, stopped, leftOver} {
		sort.SliceStable(class, func(i, j int) bool { return class[i].claimed < class[j].claimed })
		for _, entry := range class {
			found = append(found, entry.slot)
		}
	}
	return found
}

func (r *region) lockSlot(name string, mine container) (uint32, error) {
	for slot := uint32(0); slot < r.usedSlots(); slot++ {
		last := r.last(slot)
		if last.serial == 0 || last.name() != name {
			continue
		}
		if last.isStopped() {
			return slot, r.lockBank(slot, releaseWait)
		}
		return slot, r.lockBank(slot, 0)
	}
	refused := error(fault("NO_FREE_SLOT"))
	for _, slot := range r.candidates(mine) {
		err := r.lockBank(slot, 0)
		if err == nil {
			if slot >= r.usedSlots() { // before the claim, so that no reader misses it
				r.storeHalf(atUsedSlots, slot+1)
			}
			return slot, nil
		}
		refused = err
	}
	return 0, refused
}

// heritage is what a claim takes over from the claim before it in its slot.
type heritage struct {
	ended, row          uint32
	graceFrom, deadline uint64
}

const (
	endedStopped  = 1
	endedDied     = 2
	endedLeftOver = 3
)

func (r *region) heritageOf(slot uint32, name string, mine container, now, boottime uint64) heritage {
	last := r.last(slot)
	if last.serial == 0 {
		return heritage{graceFrom: boottime}
	}
	out := heritage{ended: endedDied, graceFrom: boottime}
	leftOver := mine.isOtherThan(last.container())
	if last.isStopped() {
		out.ended = endedStopped
	} else if leftOver {
		out.ended = endedLeftOver
	}
	if leftOver || last.name() != name {
		return out
	}
	mark := r.recordAt(slot)
	marked := r.load(mark) == last.load(last.at+atIncarnation)
	budget := r.load(mark + 16)
	if marked {
		out.deadline = r.load(mark+8) + budget
	}
	lastBeat, claimed := last.load(last.at+atLastBeatNs), last.load(last.at+atClaimedNs)
	young := last.load(last.at+atBeats) == 0 || (marked && lastBeat < claimed+budget)
	if last.isStopped() || !young {
		return out
	}
	out.row = last.loadHalf(last.at+atRow) + 1
	if out.row < forgivenLives {
		return out
	}
	out.graceFrom, out.deadline = last.load(last.at+atGraceFromBoottime), last.load(last.at+atDeadlineBoottimeNs)
	if out.row == forgivenLives && last.loadHalf(last.at+atInPhase) != 0 {
		var ago uint64
		if renewed := last.load(last.at + atRenewedNs); now > renewed {
			ago = now - renewed
		}
		if end := boottime - ago + last.load(last.at+atStallLimitNs); end > out.deadline {
			out.deadline = end
		}
	}
	return out
}

// writeUnder keeps a sequence count odd meanwhile.
func (r *region) writeUnder(sequence int64, write func()) {
	odd := r.loadHalf(sequence) | 1
	r.storeHalf(sequence, odd)
	write()
	r.storeHalf(sequence, odd+1)
}

// writeClaim writes the bank that is not current, and makes it current by its last store. Go's atomic stores are
// sequentially consistent, so none is seen before those above it.
func (r *region) writeClaim(slot uint32, o Options, mine container) *claim {
	before, serial := r.current(slot)
	now, boottime := monotonicNs(), clockNs(clockBoottime)
	from := r.heritageOf(slot, o.Name, mine, now, boottime)
	c := &claim{r, slot, 1 - before, bankAt(slot, 1-before), r.lifeAt(slot, 1-before)}
	// A reader that took this bank for current long ago sees by this that it is not any more.
	c.storeHalf(c.at+atSerial, 0)
	for at, value := range map[int64]uint64{
		atIncarnation: randomNonce(), atMaxAgeNs: uint64(o.MaxAge), atCycleLimitNs: uint64(o.CycleLimit),
		atTaskStartTicks: startTicks("/proc/self/stat"), atClaimedNs: now, atClaimedBoottimeNs: boottime,
		atContainerKind: mine.kind, atContainerA: mine.a, atContainerB: mine.b,
		atTimeNamespace: inode("/proc/self/ns/time"), atGraceFromBoottime: from.graceFrom,
		atDeadlineBoottimeNs: from.deadline, atLastBeatNs: 0, atBeats: 0, atWorstCycleNs: 0, atLateCycles: 0,
		atLateAtNs: 0, atStallLimitNs: uint64(o.MaxAge), atRenewedNs: now,
	} {
		c.store(c.at+at, value)
	}
	// A goroutine has no thread of its own, so the thread that is named is the process's first.
	pid := uint32(os.Getpid())
	for at, value := range map[int64]uint32{
		atClock: clockMonotonic, atPredecessorEnded: from.ended, atPid: pid, atTid: pid, atRow: from.row,
		atReady: 0, atInPhase: 0, atState: stateClaimed,
	} {
		c.storeHalf(c.at+at, value)
	}
	c.storeText(c.at+atName, nameBytes, o.Name)
	c.writeUnder(c.at+atLabelsSequence, func() {
		c.storeText(c.at+atPhase, nameBytes, "")
		c.storeText(c.at+atStatus, statusBytes, "")
	})
	for bin := int64(0); bin < cycleBins; bin++ {
		c.store(c.life+8*bin, 0)
	}
	c.writeUnder(c.life+atWhereSequence, func() { c.storeHalf(c.life+atWhereKind, 0) })
	for i := int64(0); i < slowPlaces; i++ {
		slow := c.life + atSlowPlaces + i*slowPlaceBytes
		c.writeUnder(slow, func() { c.storeHalf(slow+atSlowPlaceCount, 0) })
	}
	c.storeHalf(c.at+atSerial, serial+1) // this store is the claim
	return c
}

func take(p place, o Options, wait time.Duration) (*claim, error) {
	mine := thisContainer() // before the claim byte is taken: /proc takes longer than all that happens under it
	r, err := openForClaim(p, uint32(o.Capacity), uint32(o.Mode), wait)
	if err != nil {
		return nil, err
	}
	slot, err := r.lockSlot(o.Name, mine)
	var taken *claim
	if err == nil {
		taken = r.writeClaim(slot, o, mine)
	}
	r.leaveClaimByte()
	if err != nil {
		r.close()
		return nil, err
	}
	return taken, nil
}

// release: first the state, then the lock. A reader that finds the lock gone reads the state again before it says dead.
func (c *claim) release(stopped bool) {
	if stopped {
		c.storeHalf(c.at+atState, stateStopped)
	}
	setLock(c.fd, lockByteOf(c.slot, c.bank), lockNone)
	c.close()
}
