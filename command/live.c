// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Draws on the alternate screen of the terminal, so that what was there before comes back at the end
 * (console_codes(4)). Ctrl-C is a key here, because the terminal must be restored.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "live.h"

#define CTRL_C 3
#define CTRL_D 4

static struct termios before;

bool live_is_possible(void)
{
	const char *type = getenv("TERM");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && type && *type &&
	       strcmp(type, "dumb");
}

void live_begin(void)
{
	struct termios now;

	if (tcgetattr(STDIN_FILENO, &before))
		return;
	now = before;
	now.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	tcsetattr(STDIN_FILENO, TCSANOW, &now);
	/* Another screen, without a cursor, and without lines that go on below. */
	fputs("\033[?1049h\033[?25l\033[?7l", stdout);
}

void live_end(void)
{
	fputs("\033[?7h\033[?25h\033[?1049l", stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

void live_clear(void)
{
	fputs("\033[H\033[J", stdout);
}

bool live_flush(void)
{
	return !fflush(stdout);
}

void live_size(unsigned int *columns, unsigned int *lines)
{
	struct winsize size = { .ws_col = 0 };

	(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	*columns = size.ws_col ? size.ws_col : 80;
	*lines = size.ws_row ? size.ws_row : 24;
}

char live_key(unsigned int milliseconds)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	char key;

	if (poll(&input, 1, (int)milliseconds) <= 0)
		return 0;
	if (read(STDIN_FILENO, &key, 1) != 1 || key == CTRL_C || key == CTRL_D)
		return 'q';
	return key;
}
