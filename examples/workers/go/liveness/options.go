package liveness

import (
	"fmt"
	"io/fs"
	"os"
	"regexp"
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

const longest = 8784 * time.Hour

var validName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,62}$`)

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// check fills in what was left out, and says where the region is.
func (o *Options) check() (p place, about string, err error) {
	allow := os.Getenv("SHM_LIVENESS_ALLOW_DISK")
	p = place{
		directory: firstOf(o.Directory, os.Getenv("SHM_LIVENESS_DIR"), "/dev/shm"),
		region:    firstOf(o.Region, os.Getenv("SHM_LIVENESS_REGION"), "default"),
		allowDisk: o.AllowDisk || allow == "1" || allow == "true",
	}
	if o.Capacity == 0 {
		o.Capacity = 64
	}
	if o.Mode == 0 {
		o.Mode = 0o600
	}
	about = fmt.Sprintf("region %q, worker %q", p.region, o.Name)
	if !validName.MatchString(o.Name) || !validName.MatchString(p.region) {
		return p, about, &Error{Code: "INVALID_NAME", About: about}
	}
	if o.MaxAge <= 0 || o.MaxAge > longest || o.CycleLimit < 0 || o.CycleLimit > longest ||
		o.Capacity < 1 || o.Capacity > maxSlots {
		return p, about, &Error{Code: "INVALID_OPTION", About: about}
	}
	return p, about, nil
}
