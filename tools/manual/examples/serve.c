/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Other processes use a simulated device. Here nobody may connect. */
#include <coherent.h>
#include <coherent/serve.h>
#include <sys/eventfd.h>
#include <unistd.h>

int main(void)
{
	const int stop = eventfd(1, EFD_CLOEXEC);	/* it ends at once */
	int err;

	if (stop < 0)
		return 1;
	err = coherent_sim_serve("sim:edu", "edu.socket",
				 .stop_fd = stop,
				 .report = coherent_report_stderr);
	close(stop);
	return !!err;
}
