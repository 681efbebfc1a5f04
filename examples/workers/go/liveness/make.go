package liveness

import (
	"bytes"
	"encoding/binary"
	"syscall"
)

func header(slots uint32) []byte {
	size := uint64(regionBytes(slots))
	fields := []any{uint64(magic), uint32(version), uint32(headerBytes), uint64(signature), uint32(slotBytes), slots,
		size, randomNonce(), clockNs(clockBoottime)}
	var out bytes.Buffer
	for _, field := range fields {
		binary.Write(&out, binary.LittleEndian, field)
	}
	return out.Bytes()
}

func fill(fd int, slots uint32, mode uint32) error {
	// The mode given to open() is subject to the umask.
	if err := syscall.Fchmod(fd, mode); err != nil {
		return err
	}
	// A hole in a full tmpfs would be a SIGBUS at the first beat instead of an error here.
	if err := syscall.Fallocate(fd, 0, 0, regionBytes(slots)); err != nil {
		return err
	}
	_, err := syscall.Write(fd, header(slots))
	return err
}

// makeRegion makes a region under its name; it is also fine if somebody else's is there by then.
func makeRegion(p place, slots, mode uint32) error {
	// Without a name until it is whole, so that a maker that is killed leaves nothing behind.
	fd, err := syscall.Open(p.directory, openTemporary|syscall.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	if err := checkDisk(fd, p); err != nil {
		return err
	}
	if err := fill(fd, slots, mode); err != nil {
		return err
	}
	if err := giveName(fd, p.path()); err != nil && err != syscall.EEXIST {
		return err
	}
	return nil
}
