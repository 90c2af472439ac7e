// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Models of QEMU with a backend that is neither a disk nor a network: a sound card that plays into a
 * file, and a file system that the driver shares.
 */
#include <sys/stat.h>
#include <unistd.h>

#include <coherent/config.h>

#include "edu.h"

/* A folder for the files of a test. */
static char folder[SCRATCH_MAX];
static char file[SCRATCH_MAX + 8];

static int make_folder(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(scratch(folder, "qemu-sound-XXXXXX")));
	snprintf(file, sizeof(file), "%s/wav", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(file);
	assert_ok(rmdir(folder));
	return 0;
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

/* --- A sound card and a file --- */

/* The registers of Intel's High Definition Audio Specification 1.0a, 3.3 and 3.4. */
enum { GLOBAL = 0x08, CODECS = 0x0e, VERB = 0x60, VERB_STATUS = 0x68, OUTPUT = 0x100 };
enum { OUTPUT_BYTES = OUTPUT + 8, OUTPUT_LAST = OUTPUT + 0xc, OUTPUT_FORMAT = OUTPUT + 0x12 };
enum { OUTPUT_LOW = OUTPUT + 0x18, OUTPUT_HIGH = OUTPUT + 0x1c };
enum { OUT_OF_RESET = 1, VERB_BUSY = 1, RUN_STREAM = 2, STREAM = 1 };
/* The node of the codec that plays, its verbs of 7.3.3, and 48 kHz with 16 bits and 2 channels. */
enum { NODE = 2 << 20, SET_FORMAT = 0x2 << 16, SET_STREAM = 0x706 << 8, FORMAT = 0x0011 };
enum { SOUND_BYTES = 2 * PAGE, SAMPLE = 0x1234, WAV_HEADER = 44 };

struct piece {
	uint64_t address;
	uint32_t bytes;
	uint32_t flags;
};
COHERENT_TYPE(pieces, struct piece);

static void send_verb(struct coherent_bar *registers, uint32_t verb)
{
	coherent_bar_write32(registers, VERB, NODE | verb);
	coherent_bar_write16(registers, VERB_STATUS, VERB_BUSY);
	assert_ok(coherent_bar_poll32(registers, VERB_STATUS, VERB_BUSY, 0, LONG));
}

/* Plays the two halves of a sound again and again. */
static void play(struct coherent_bar *registers, uint64_t list)
{
	send_verb(registers, SET_FORMAT | FORMAT);
	send_verb(registers, SET_STREAM | STREAM << 4);
	coherent_bar_write32(registers, OUTPUT_LOW, (uint32_t)list);
	coherent_bar_write32(registers, OUTPUT_HIGH, (uint32_t)(list >> 32));
	coherent_bar_write32(registers, OUTPUT_BYTES, SOUND_BYTES);
	coherent_bar_write16(registers, OUTPUT_LAST, 1);
	coherent_bar_write16(registers, OUTPUT_FORMAT, FORMAT);
	coherent_bar_write32(registers, OUTPUT, STREAM << 20 | RUN_STREAM);
}

/* QEMU writes the file in blocks, and the first samples may be silence. */
static void wait_for_sound(void)
{
	int16_t sample = 0;
	FILE *wav;

	for (uint64_t left = LONG / MS; left && sample != SAMPLE; left--) {
		usleep(1000);
		wav = fopen(file, "re");
		if (!wav)
			continue;
		(void)fseek(wav, -(long)sizeof(sample), SEEK_END);
		if (ftell(wav) < WAV_HEADER || fread(&sample, sizeof(sample), 1, wav) != 1)
			sample = 0;
		assert_ok(fclose(wav));
	}
	assert_int_equal(sample, SAMPLE);
}

static void sound_card_plays_into_a_file(void **state)
{
	char audio[SCRATCH_MAX + 64];
	const char *const args[] = { "-audiodev", audio, "-device",
				     "hda-output,audiodev=a,mixer=off,bus=hda.0", NULL };
	union pieces list = COHERENT_EMPTY;
	COHERENT(uint16_t) sound = COHERENT_EMPTY;
	COHERENT_DEVICE_AUTO(hda);
	COHERENT_BAR_AUTO(registers);

	(void)state;
	snprintf(audio, sizeof(audio), "wav,id=a,path=%s,out.frequency=48000", file);
	assert_ok(coherent_device_open(&hda, "qemu:intel-hda,id=hda", .qemu_args = args,
				       .report = coherent_report_stderr));
	assert_ok(coherent_bar_open(&registers, hda, 0));
	assert_ok(coherent_zeroed(&list, hda, 2));
	assert_ok(coherent_zeroed(&sound, hda, SOUND_BYTES / 2));
	for (size_t i = 0; i < SOUND_BYTES / 2; i++)
		assert_ok(coherent_write(&sound, i, SAMPLE));
	for (size_t i = 0; i < 2; i++) {
		assert_ok(coherent_write(&list, i, .address, coherent_addr(&sound).raw + i * PAGE));
		assert_ok(coherent_write(&list, i, .bytes, PAGE));
	}
	coherent_bar_write32(registers, GLOBAL, OUT_OF_RESET);
	/* The first codec is there. */
	assert_int_equal(coherent_bar_read16(registers, CODECS), 1);
	play(registers, coherent_addr(&list).raw);
	wait_for_sound();
	coherent_bar_write32(registers, OUTPUT, 0);
	assert_no_fault(hda);
	coherent_free(&sound);
	coherent_free(&list);
}

/* --- A shared folder --- */

/* Virtio's number of a 9P transport is 9, and a modern device has this behind 0x1040. */
static void file_system_gets_its_folder(void **state)
{
	char shared[SCRATCH_MAX + 64];
	const char *const args[] = { "-fsdev", shared, NULL };
	COHERENT_DEVICE_AUTO(fs);
	uint16_t id = 0;

	(void)state;
	snprintf(shared, sizeof(shared), "local,id=f,path=%s,security_model=none", folder);
	assert_ok(coherent_device_open(&fs,
				       "qemu:virtio-9p-pci,fsdev=f,mount_tag=t,disable-legacy=on",
				       .qemu_args = args, .report = coherent_report_stderr));
	assert_ok(coherent_config_read16(fs, 2, &id));
	assert_int_equal(id, 0x1049);
}

/* QEMU says what is wrong with the value, and the report has its words. */
static void wrong_backends_are_reported(void **state)
{
	static const struct {
		const char *args[3];
		const char *says;
	} cases[] = {
		{ { "-audiodev", "nope,id=a" }, "does not accept value 'nope'" },
		{ { "-audiodev", "none" }, "Parameter 'id' is missing" },
		{ { "-fsdev", "local,id=f,path=/tmp" }, "security_model property not set" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct coherent_device *none;
		struct log log = LOG_EMPTY;

		assert_err(coherent_device_open(&none, "qemu:edu", .qemu_args = cases[i].args,
						.report = log_report, .report_arg = &log),
			   -EINVAL);
		if (!log_has(&log, cases[i].says))
			fail_msg("case %zu: %s", i, log.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(sound_card_plays_into_a_file),
		IN_FOLDER(file_system_gets_its_folder),
		cmocka_unit_test(wrong_backends_are_reported),
	};

	return RUN_WITH_QEMU(tests);
}
