package liveness

import (
	"bytes"
	"encoding/binary"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

const (
	claimWait = 5 * time.Second
	mostWaits = 24
)

type place struct {
	directory, region string
	allowDisk         bool
}

func (p place) path() string { return p.directory + "/" + p.region }

// region is an open, checked and mapped region.
type region struct {
	fd     int
	slots  uint32
	memory []byte
}

func (r *region) word(at int64) *uint64 { return (*uint64)(unsafe.Pointer(&r.memory[at])) }
func (r *region) half(at int64) *uint32 { return (*uint32)(unsafe.Pointer(&r.memory[at])) }

func (r *region) load(at int64) uint64             { return atomic.LoadUint64(r.word(at)) }
func (r *region) store(at int64, value uint64)     { atomic.StoreUint64(r.word(at), value) }
func (r *region) loadHalf(at int64) uint32         { return atomic.LoadUint32(r.half(at)) }
func (r *region) storeHalf(at int64, value uint32) { atomic.StoreUint32(r.half(at), value) }

func (r *region) text(at, size int64) string {
	field := make([]byte, size)
	for i := int64(0); i < size; i += 8 {
		binary.LittleEndian.PutUint64(field[i:], r.load(at+i))
	}
	text, _, _ := bytes.Cut(field, []byte{0})
	return string(text)
}

func (r *region) storeText(at, size int64, text string) {
	field := make([]byte, size)
	copy(field, text)
	for i := int64(0); i < size; i += 8 {
		r.store(at+i, binary.LittleEndian.Uint64(field[i:]))
	}
}

func bankAt(slot, bank uint32) int64 {
	return headerBytes + int64(slot)*slotBytes + int64(bank)*bankBytes
}

func (r *region) recordAt(slot uint32) int64 {
	return headerBytes + int64(r.slots)*slotBytes + int64(slot)*recordBytes
}

func (r *region) lifeAt(slot, bank uint32) int64 {
	return r.recordAt(slot) + atLives + int64(bank)*lifeBytes
}

// current is the bank of the slot's latest claim, and its serial; serial 0: the slot was never claimed.
func (r *region) current(slot uint32) (bank, serial uint32) {
	first, second := r.loadHalf(bankAt(slot, 0)+atSerial), r.loadHalf(bankAt(slot, 1)+atSerial)
	if second > first {
		return 1, second
	}
	return 0, first
}

func (r *region) usedSlots() uint32 {
	if used := r.loadHalf(atUsedSlots); used < r.slots {
		return used
	}
	return r.slots
}

func (r *region) close() {
	if r.memory != nil {
		syscall.Munmap(r.memory)
	}
	if r.fd >= 0 {
		syscall.Close(r.fd)
	}
	r.memory, r.fd = nil, -1
}

// leaveClaimByte unlocks explicitly: a process that another goroutine starts right now has the descriptor until its exec.
func (r *region) leaveClaimByte() {
	atomic.AddUint32(r.half(atClaimTurns), 1)
	setLock(r.fd, claimByte, lockNone)
	syscall.Syscall(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(r.half(atClaimTurns))), futexWake, 1)
}

func openExisting(path string) (int, error) {
	// Without O_CREAT: fs.protected_regular refuses even root an O_CREAT open of another user's file.
	flags := syscall.O_RDWR | syscall.O_NOFOLLOW | syscall.O_CLOEXEC | syscall.O_NONBLOCK
	fd, err := syscall.Open(path, flags, 0)
	if err != nil || fd >= lowestOwnFd {
		return fd, err
	}
	// A worker started without standard streams: its first log line would land in the header.
	above, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), duplicateFrom, lowestOwnFd)
	syscall.Close(fd)
	if errno != 0 {
		return -1, errno
	}
	return int(above), nil
}

// lockClaimByte waits for a bounded time: a holder may be stopped. As long as turns pass, others are served.
func lockClaimByte(fd int, wait time.Duration) error {
	turn := func() (turns [4]byte) {
		syscall.Pread(fd, turns[:], atClaimTurns)
		return turns
	}
	deadline, end := time.Now().Add(wait), time.Now().Add(mostWaits*wait)
	seen, pause := turn(), 500*time.Microsecond
	for {
		taken, err := tryLock(fd, claimByte)
		if taken || err != nil {
			return err
		}
		now, latest := time.Now(), turn()
		if latest != seen {
			seen, deadline = latest, now.Add(wait)
		}
		if now.After(deadline) || now.After(end) {
			return fault("CLAIM_BUSY")
		}
		time.Sleep(pause/2 + time.Duration(now.UnixNano())%(pause/2)) // no two for the same time
		if pause < 32*time.Millisecond {
			pause *= 2
		}
	}
}

func isStillAt(fd int, path string) bool {
	var mine, named syscall.Stat_t
	return syscall.Fstat(fd, &mine) == nil && syscall.Lstat(path, &named) == nil && mine.Ino == named.Ino &&
		mine.Dev == named.Dev
}

// checkFile: anybody may put a file into /dev/shm. Believed are one's own, and those that a group of ours may write.
func checkFile(fd int, p place) (int64, error) {
	var status syscall.Stat_t
	if err := syscall.Fstat(fd, &status); err != nil {
		return 0, err
	}
	if status.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return 0, fault("REGION_NOT_A_FILE")
	}
	if status.Mode&0o002 != 0 {
		return 0, fault("REGION_MODE")
	}
	if status.Uid != uint32(os.Geteuid()) && !(status.Mode&0o060 == 0o060 && inGroup(status.Gid)) {
		return 0, fault("REGION_OWNER")
	}
	return status.Size, checkDisk(fd, p)
}

// checkDisk: on a disk each beat is disk I/O.
func checkDisk(fd int, p place) error {
	onTmpfs, err := isOnTmpfs(fd)
	if err == nil && !onTmpfs && !p.allowDisk {
		return fault("REGION_NOT_TMPFS")
	}
	return err
}

func inGroup(group uint32) bool {
	groups, _ := syscall.Getgroups()
	for _, mine := range append(groups, os.Getegid()) {
		if uint32(mine) == group {
			return true
		}
	}
	return false
}

// faultOfHeader gives none ("") for a region of this layout.
func faultOfHeader(fd int, size int64) (fault, uint32) {
	if size < headerBytes || size > regionBytes(maxSlots) {
		return "REGION_SIZE", 0
	}
	var head [40]byte
	syscall.Pread(fd, head[:], 0)
	word, half := binary.LittleEndian.Uint64, binary.LittleEndian.Uint32
	slots := half(head[atSlotCount:])
	switch {
	case word(head[0:]) != magic:
		return "REGION_MAGIC", 0
	case half(head[8:]) != version:
		return "REGION_VERSION", 0
	case word(head[16:]) != signature || half(head[12:]) != headerBytes || half(head[24:]) != slotBytes:
		return "REGION_LAYOUT", 0
	case slots == 0 || slots > maxSlots || int64(word(head[32:])) != regionBytes(slots):
		return "REGION_LAYOUT", 0
	case size != regionBytes(slots):
		return "REGION_SIZE", 0
	}
	return "", slots
}

// openForClaim opens the region, or makes it. It returns with the claim byte held: call leaveClaimByte.
func openForClaim(p place, slots, mode uint32, wait time.Duration) (*region, error) {
	for turn := 0; turn < 64; turn++ { // each turn ends, or finds that somebody has changed what the name leads to
		fd, err := openExisting(p.path())
		if err == syscall.ENOENT {
			if err := makeRegion(p, slots, mode); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		opened, err := lockAndMap(fd, p, slots, mode, wait)
		if opened != nil {
			return opened, nil
		}
		syscall.Close(fd)
		if err != nil {
			return nil, err
		}
	}
	return nil, fault("CLAIM_BUSY")
}

// lockAndMap gives neither a region nor an error if the name leads elsewhere now.
func lockAndMap(fd int, p place, slots, mode uint32, wait time.Duration) (*region, error) {
	if err := lockClaimByte(fd, wait); err != nil || !isStillAt(fd, p.path()) {
		return nil, err
	}
	size, err := checkFile(fd, p)
	if err != nil {
		return nil, err
	}
	unusable, count := faultOfHeader(fd, size)
	if unusable != "" {
		// An image upgrade in place keeps /dev/shm. The lock bytes are the same in all layout versions.
		if held, err := isLocked(fd, firstSlotByte, lockBytes-1); err != nil || held {
			return nil, fault("REGION_IN_USE")
		}
		if err := syscall.Unlink(p.path()); err != nil {
			return nil, err
		}
		return nil, makeRegion(p, slots, mode)
	}
	memory, err := syscall.Mmap(fd, 0, int(size), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	syscall.Madvise(memory, madviseDontFork) // a mapping keeps the open file, and so the lock
	return &region{fd: fd, slots: count, memory: memory}, nil
}
