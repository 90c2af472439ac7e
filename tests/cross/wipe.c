// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Exits with 0 if MADV_WIPEONFORK works, with 1 if a forked child still sees the bytes. */
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t child;

	if (page == MAP_FAILED || madvise(page, 4096, MADV_WIPEONFORK))
		return 2;
	*page = 1;
	child = fork();
	if (!child)
		_exit(*page);
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return 2;
	return WEXITSTATUS(status);
}
