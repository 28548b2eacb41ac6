#include "tensor/file_map.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

/*
 * What the handler may know: where the maps are. It runs on whatever thread read, so it
 * only loads atomics and makes system calls. A slot is visible while `begin` is set;
 * `end` is stored before and stays until the slot is taken again.
 */
static struct slot {
	atomic_bool taken;
	atomic_uintptr_t begin, end;
	atomic_bool lost;
} slots[FILE_MAP_MAX];

static struct sigaction previous;

static struct slot *slot_of(uintptr_t at)
{
	for (int i = 0; i < FILE_MAP_MAX; i++) {
		uintptr_t begin = atomic_load(&slots[i].begin);
		if (begin && at >= begin && at < atomic_load(&slots[i].end))
			return &slots[i];
	}
	return NULL;
}

/* From the page that faulted to the end: what lies behind it is gone as well. */
static bool put_zero_pages(struct slot *s, uintptr_t at)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = at & ~(page - 1), end = atomic_load(&s->end);
	return mmap((void *)from, end - from, PROT_READ,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
}

static void on_sigbus(int number, siginfo_t *info, void *context)
{
	(void)context;
	int saved = errno;
	uintptr_t at = (uintptr_t)info->si_addr;
	struct slot *s = info->si_code == BUS_ADRERR ? slot_of(at) : NULL;
	if (s && put_zero_pages(s, at)) {
		atomic_store(&s->lost, true);
	} else {
		/* Not ours: the read faults again and meets the previous handler. */
		sigaction(SIGBUS, &previous, NULL);
		if (info->si_code <= 0) /* sent by kill(), so nothing would fault */
			raise(number);
	}
	errno = saved;
}

static void install_handler(void)
{
	struct sigaction now, before;
	memset(&now, 0, sizeof(now));
	now.sa_sigaction = on_sigbus;
	now.sa_flags = SA_SIGINFO;
	sigemptyset(&now.sa_mask);
	if (sigaction(SIGBUS, &now, &before) == 0 && before.sa_sigaction != on_sigbus)
		previous = before;
}

static int take_slot(const void *data, size_t size)
{
	for (int i = 0; i < FILE_MAP_MAX; i++) {
		bool taken = false;
		if (!atomic_compare_exchange_strong(&slots[i].taken, &taken, true))
			continue;
		atomic_store(&slots[i].lost, false);
		atomic_store(&slots[i].end, (uintptr_t)data + size);
		atomic_store(&slots[i].begin, (uintptr_t)data);
		return i;
	}
	return -1;
}

static void give_slot(int i)
{
	atomic_store(&slots[i].begin, 0);
	atomic_store(&slots[i].taken, false);
}

static enum err map_content(struct file_map *m)
{
	if (m->size == 0)
		return OK;
	void *data = mmap(NULL, m->size, PROT_READ, MAP_PRIVATE, m->fd, 0);
	if (data == MAP_FAILED)
		return err_set(errno == ENOMEM ? ERR_NOMEM : ERR_IO,
			       "%s: mapping %zu MiB: %s", m->label, m->size >> 20,
			       strerror(errno));
	m->data = data;
	m->slot = take_slot(data, m->size);
	if (m->slot < 0)
		return err_set(ERR_UNSUPPORTED, "%s: more than %d files in use at once",
			       m->label, FILE_MAP_MAX);
	return OK;
}

static enum err open_regular(struct file_map *m, const char *path)
{
	/* Without O_NONBLOCK a FIFO would wait for a writer. */
	m->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (m->fd < 0)
		return err_set(errno == ENOENT || errno == ENOTDIR ? ERR_NOTFOUND
								   : ERR_IO,
			       "%s: %s", m->label, strerror(errno));
	struct stat st;
	if (fstat(m->fd, &st))
		return err_set(ERR_IO, "%s: %s", m->label, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(ERR_FORMAT, "%s: not a regular file", m->label);
	m->size = (size_t)st.st_size;
	return OK;
}

enum err file_map_open(struct file_map *m, const char *path)
{
	struct str label = STR_INIT;
	str_add_escaped(&label, path, strlen(path), 0);
	*m = (struct file_map){ .fd = -1, .slot = -1, .label = str_detach(&label) };
	install_handler();
	enum err e = open_regular(m, path);
	if (!e)
		e = map_content(m);
	if (e)
		file_map_release(m);
	return e;
}

void file_map_release(struct file_map *m)
{
	if (!m->label)
		return;
	if (m->slot >= 0)
		give_slot(m->slot);
	if (m->data)
		munmap((void *)(uintptr_t)m->data, m->size);
	if (m->fd >= 0)
		close(m->fd);
	free(m->label);
	*m = (struct file_map){ .fd = -1, .slot = -1 };
}

enum err file_map_check(const struct file_map *m)
{
	/* The size as well as the mark: what was cut off within a page reads as zeros
	 * without a signal. */
	struct stat st;
	bool lost = m->slot >= 0 && atomic_load(&slots[m->slot].lost);
	if (!lost && fstat(m->fd, &st) == 0 && (size_t)st.st_size >= m->size)
		return OK;
	return err_set(ERR_IO, "%s: shrank while it was read", m->label);
}

enum err file_map_read(const struct file_map *m, size_t at, void *to, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t got =
			pread(m->fd, (char *)to + done, n - done, (off_t)(at + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set(ERR_IO, "%s: %s", m->label, strerror(errno));
		if (got == 0)
			return err_set(ERR_IO, "%s: shrank while it was read", m->label);
		done += (size_t)got;
	}
	return OK;
}
