package liveness

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

const (
	clockMonotonic = 1
	clockBoottime  = 7

	ofdGetLock = 36
	ofdSetLock = 37
	lockRead   = 0
	lockWrite  = 1
	lockNone   = 2

	madviseDontFork   = 10
	openTemporary     = 0x400000 | syscall.O_DIRECTORY
	atFdCwd           = -100
	atSymlinkFollow   = 0x400
	mountIDUnique     = 0x4000
	tmpfsMagic        = 0x01021994
	ramfsMagic        = 0x858458f6
	futexWake         = 1
	duplicateFrom     = 1030 // F_DUPFD_CLOEXEC
	lowestOwnFd       = 3
	statxMountIDField = 144
)

func clockNs(clock uintptr) uint64 {
	var now syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(&now)), 0)
	return uint64(now.Nano())
}

// The runtime reads CLOCK_MONOTONIC without a system call, but counts from its own start. The distance between the two
// counts never changes; the shortest of some measurements of it is within a microsecond.
var monotonicStart, monotonicBase = func() (time.Time, uint64) {
	var start time.Time
	var base, shortest uint64 = 0, 1 << 63
	for i := 0; i < 16; i++ {
		before := clockNs(clockMonotonic)
		now := time.Now()
		if took := clockNs(clockMonotonic) - before; took < shortest {
			start, base, shortest = now, before, took
		}
	}
	return start, base
}()

func monotonicNs() uint64 { return monotonicBase + uint64(time.Since(monotonicStart)) }

func setLock(fd int, byte int64, kind int16) error {
	lock := syscall.Flock_t{Type: kind, Start: byte, Len: 1}
	return syscall.FcntlFlock(uintptr(fd), ofdSetLock, &lock)
}

// tryLock says whether this open file has the byte now.
func tryLock(fd int, byte int64) (bool, error) {
	err := setLock(fd, byte, lockWrite)
	if err == syscall.EAGAIN || err == syscall.EACCES {
		return false, nil
	}
	if err == syscall.EINVAL {
		return false, fault("LOCKS_UNSUPPORTED")
	}
	return err == nil, err
}

// isLocked asks as a reader, so that a stranger's read lock is not taken for a worker.
func isLocked(fd int, byte, count int64) (bool, error) {
	lock := syscall.Flock_t{Type: lockRead, Start: byte, Len: count}
	err := syscall.FcntlFlock(uintptr(fd), ofdGetLock, &lock)
	return lock.Type != lockNone, err
}

// container tells which container a claim is from. Ids of different kinds prove nothing about each other.
type container struct{ kind, a, b uint64 }

func (c container) isOtherThan(other container) bool {
	return c.kind != 0 && c.kind == other.kind && c != other
}

func startTicks(path string) uint64 {
	stat, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	// The command's name may hold spaces and parentheses; field 3 is the first behind it.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return 0
	}
	ticks, _ := strconv.ParseUint(string(fields[19]), 10, 64)
	return ticks
}

func inode(path string) uint64 {
	var status syscall.Stat_t
	if syscall.Stat(path, &status) != nil {
		return 0
	}
	return status.Ino
}

func thisContainer() container {
	if number, ok := map[string]uintptr{"amd64": 332, "arm64": 291}[runtime.GOARCH]; ok {
		var answer [256]byte
		root, cwd := []byte("/\x00"), atFdCwd
		_, _, errno := syscall.Syscall6(number, uintptr(cwd), uintptr(unsafe.Pointer(&root[0])), 0, mountIDUnique,
			uintptr(unsafe.Pointer(&answer[0])), 0)
		if errno == 0 && binary.LittleEndian.Uint32(answer[:])&mountIDUnique != 0 {
			return container{1, binary.LittleEndian.Uint64(answer[statxMountIDField:]), 0}
		}
	}
	namespace, start := inode("/proc/self/ns/mnt"), startTicks("/proc/1/stat")
	if namespace == 0 || start == 0 {
		return container{}
	}
	return container{2, namespace, start}
}

func randomNonce() uint64 {
	var bytes [8]byte
	if _, err := rand.Read(bytes[:]); err != nil {
		return clockNs(clockMonotonic)
	}
	return binary.LittleEndian.Uint64(bytes[:]) | 1<<63
}

func giveName(fd int, path string) error {
	source, err := syscall.BytePtrFromString(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return err
	}
	target, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	cwd := atFdCwd
	_, _, errno := syscall.Syscall6(syscall.SYS_LINKAT, uintptr(cwd), uintptr(unsafe.Pointer(source)), uintptr(cwd),
		uintptr(unsafe.Pointer(target)), atSymlinkFollow, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func isOnTmpfs(fd int) (bool, error) {
	var status syscall.Statfs_t
	err := syscall.Fstatfs(fd, &status)
	kind := uint32(status.Type)
	return kind == tmpfsMagic || kind == ramfsMagic, err
}
