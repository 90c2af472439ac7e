// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Draws on the alternate screen of the terminal, so that what was there before comes back at the end
 * (console_codes(4)). Ctrl-C is a key here, because the terminal must be restored. The same holds for
 * signals that end the program.
 */
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "live.h"
#include "output.h"

#define CTRL_C 3
#define CTRL_D 4

static const int endings[] = { SIGINT, SIGTERM, SIGHUP };

static struct termios before;
static volatile sig_atomic_t is_ending;
/* The terminal, while standard output is a frame. */
static int terminal = -1;

static void end(int number)
{
	(void)number;
	is_ending = 1;
}

bool live_is_possible(void)
{
	const char *type = getenv("TERM");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && type && *type &&
	       strcmp(type, "dumb");
}

void live_begin(void)
{
	const struct sigaction action = { .sa_handler = end };
	struct termios now;

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		sigaction(endings[i], &action, NULL);
	if (tcgetattr(STDIN_FILENO, &before))
		return;
	now = before;
	now.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	tcsetattr(STDIN_FILENO, TCSANOW, &now);
	/* Another screen, without a cursor, and without lines that go on below. */
	fputs("\033[?1049h\033[?25l\033[?7l", stdout);
	fflush(stdout);
}

void live_end(void)
{
	fputs("\033[?7h\033[?25h\033[?1049l", stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

void live_size(unsigned int *columns, unsigned int *lines)
{
	struct winsize size = { .ws_col = 0 };

	(void)ioctl(STDIN_FILENO, TIOCGWINSZ, &size);
	*columns = size.ws_col ? size.ws_col : 80;
	*lines = size.ws_row ? size.ws_row : 24;
}

/* The output goes to a file, because more lines than the screen has would scroll it. */
void live_frame(void)
{
	unsigned int columns, lines;
	const int file = memfd_create("frame", MFD_CLOEXEC);

	live_size(&columns, &lines);
	output_set_width(columns);
	fflush(stdout);
	terminal = dup(STDOUT_FILENO);
	if (file < 0 || terminal < 0 || dup2(file, STDOUT_FILENO) < 0)
		perror("coherent: the screen cannot be drawn");
	if (file >= 0)
		close(file);
}

/* Prints as many lines as the screen has. The last one has no newline, which would scroll. */
static void print_lines(int frame, unsigned int lines)
{
	FILE *text = fdopen(frame, "r");
	char line[4096];

	fputs("\033[H\033[J", stdout);
	while (text && lines && fgets(line, sizeof(line), text)) {
		const size_t bytes = strcspn(line, "\n");
		const bool is_whole = line[bytes] == '\n';

		fwrite(line, 1, bytes, stdout);
		if (is_whole && --lines)
			fputs("\r\n", stdout);
	}
	if (text)
		fclose(text);
}

bool live_flush(void)
{
	unsigned int columns, lines;
	int frame;

	fflush(stdout);
	frame = dup(STDOUT_FILENO);
	dup2(terminal, STDOUT_FILENO);
	close(terminal);
	output_set_width(0);
	live_size(&columns, &lines);
	if (frame >= 0 && lseek(frame, 0, SEEK_SET) == 0)
		print_lines(frame, lines);
	return !fflush(stdout);
}

char live_key(unsigned int milliseconds)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	char key;
	int n;

	if (is_ending)
		return 'q';
	n = poll(&input, 1, (int)milliseconds);
	if (is_ending)
		return 'q';
	if (n <= 0)
		return 0;
	if (read(STDIN_FILENO, &key, 1) != 1 || key == CTRL_C || key == CTRL_D)
		return 'q';
	return key;
}
