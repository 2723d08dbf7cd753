package sqlite

import (
	"path/filepath"
	"syscall"
)

const (
	inMemory = "what is written there is gone when the machine restarts"
	remote   = "locks and fsync on it cannot be relied on"
)

// fileSystems that cannot keep the promise, by the magic number of statfs(2).
var fileSystems = map[int64][2]string{
	0x01021994: {"tmpfs", inMemory},
	0x858458f6: {"ramfs", inMemory},
	0x00006969: {"NFS", remote},
	0x0000517b: {"SMB", remote},
	0xfe534d42: {"SMB2", remote},
	0xff534d42: {"CIFS", remote},
	0x01021997: {"9P", remote},
	0x00c36400: {"Ceph", remote},
	0x0bd00bd0: {"Lustre", remote},
	0x5346414f: {"AFS", remote},
	0x6b414653: {"AFS", remote},
	0x01161970: {"GFS2", remote},
	0x7461636f: {"OCFS2", remote},
	0x47504653: {"GPFS", remote},
	0x19830326: {"BeeGFS", remote},
	0x65735546: {"FUSE", "it may be a network in disguise, and whether fsync reaches a disk is unknown"},
}

// unsafeDisk names the file system of the path and why it is not fit, or returns an empty reason.
func unsafeDisk(path string) (system, why string, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &s); err != nil {
		return "", "", err
	}
	found := fileSystems[int64(uint32(s.Type))]
	return found[0], found[1], nil
}
