package liveness

import "time"

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
