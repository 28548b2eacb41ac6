/* A worker's process, from the front's side. */
#include "check.h"

#include <signal.h>
#include <unistd.h>

#include "profiler/handle.h"

/* From the first moment on a signal to the group reaches it, and not us. */
static void its_own_group_at_once(void **state)
{
	struct handle h;
	(void)state;
	for (int i = 0; i < 20; i++) {
		check_ok(handle_start(&h, "exec cat"));
		pid_t pid = h.pid;
		assert_int_equal(getpgid(pid), pid);
		assert_int_equal(kill(-pid, SIGTERM), 0);
		handle_stop(&h, 1000);
		assert_int_equal(h.pid, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_own_group_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
