/*
 * SQLite's file system with a counter in front: the nth write, sync or truncation fails
 * as on a full disk, fails as on a broken one, or is where the process is killed.
 */
#ifndef TESTS_FAULT_VFS_H
#define TESTS_FAULT_VFS_H

#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum fault { FAULT_NONE, FAULT_FULL, FAULT_BROKEN, FAULT_KILL };

static struct {
	enum fault kind;
	int at;     /* which operation, from 1 */
	int seen;   /* operations since fault_arm */
	bool stays; /* the disk stays full */
	sqlite3_vfs *real;
} fault;

/* The real file lies behind this one, in the same piece of memory. */
struct fault_file {
	sqlite3_file base;
};

static inline void fault_arm(enum fault kind, int at, bool stays)
{
	fault.kind = kind;
	fault.at = at;
	fault.seen = 0;
	fault.stays = stays;
}

static inline sqlite3_file *fault_real(sqlite3_file *f)
{
	return (sqlite3_file *)((struct fault_file *)f + 1);
}

/* SQLITE_OK, or what the operation shall say without being done. */
static inline int fault_now(int broken)
{
	fault.seen++;
	if (!fault.kind || fault.seen < fault.at ||
	    (fault.seen > fault.at && !fault.stays))
		return SQLITE_OK;
	if (fault.kind == FAULT_KILL)
		kill(getpid(), SIGKILL);
	return fault.kind == FAULT_FULL ? SQLITE_FULL : broken;
}

static int fault_write(sqlite3_file *f, const void *data, int n, sqlite3_int64 at)
{
	int rc = fault_now(SQLITE_IOERR_WRITE);
	/* A disk that fills up takes the first part. */
	if (rc && n > 1)
		fault_real(f)->pMethods->xWrite(fault_real(f), data, n / 2, at);
	return rc ? rc : fault_real(f)->pMethods->xWrite(fault_real(f), data, n, at);
}

/* Counted, not done: no power is cut here, and a slow disk would make this test slow. */
static int fault_sync(sqlite3_file *f, int flags)
{
	(void)f;
	(void)flags;
	return fault.kind == FAULT_FULL ? SQLITE_OK : fault_now(SQLITE_IOERR_FSYNC);
}

static int fault_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	int rc = fault.kind == FAULT_FULL ? SQLITE_OK : fault_now(SQLITE_IOERR_TRUNCATE);
	return rc ? rc : fault_real(f)->pMethods->xTruncate(fault_real(f), size);
}

/* The rest goes through. */
#define FAULT_PASS(name, params, args)                                                   \
	static int fault_##name params { return fault_real(f)->pMethods->name args; }
FAULT_PASS(xClose, (sqlite3_file * f), (fault_real(f)))
FAULT_PASS(xRead, (sqlite3_file * f, void *to, int n, sqlite3_int64 at),
	   (fault_real(f), to, n, at))
FAULT_PASS(xFileSize, (sqlite3_file * f, sqlite3_int64 *size), (fault_real(f), size))
FAULT_PASS(xLock, (sqlite3_file * f, int level), (fault_real(f), level))
FAULT_PASS(xUnlock, (sqlite3_file * f, int level), (fault_real(f), level))
FAULT_PASS(xCheckReservedLock, (sqlite3_file * f, int *out), (fault_real(f), out))
FAULT_PASS(xFileControl, (sqlite3_file * f, int op, void *arg), (fault_real(f), op, arg))
FAULT_PASS(xSectorSize, (sqlite3_file * f), (fault_real(f)))
FAULT_PASS(xDeviceCharacteristics, (sqlite3_file * f), (fault_real(f)))
#undef FAULT_PASS

static const sqlite3_io_methods fault_methods = {
	.iVersion = 1,
	.xClose = fault_xClose,
	.xRead = fault_xRead,
	.xWrite = fault_write,
	.xTruncate = fault_truncate,
	.xSync = fault_sync,
	.xFileSize = fault_xFileSize,
	.xLock = fault_xLock,
	.xUnlock = fault_xUnlock,
	.xCheckReservedLock = fault_xCheckReservedLock,
	.xFileControl = fault_xFileControl,
	.xSectorSize = fault_xSectorSize,
	.xDeviceCharacteristics = fault_xDeviceCharacteristics,
};

static int fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags,
		      int *out)
{
	(void)vfs;
	int rc = fault.real->xOpen(fault.real, name, fault_real(f), flags, out);
	f->pMethods = fault_real(f)->pMethods ? &fault_methods : NULL;
	return rc;
}

/* Every database opened from now on goes through it. */
static inline void fault_install(void)
{
	static sqlite3_vfs vfs;
	fault.real = sqlite3_vfs_find(NULL);
	vfs = *fault.real;
	vfs.zName = "fault";
	vfs.szOsFile = (int)sizeof(struct fault_file) + fault.real->szOsFile;
	vfs.xOpen = fault_open;
	sqlite3_vfs_register(&vfs, 1);
}

#endif
