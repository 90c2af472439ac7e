# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Functions of the library, of libc and of the kernel whose effects the rules know."""

ARITHMETIC = {'+', '-', '*', '/', '%', '&', '|', '^', '<<', '>>'}

# The functions behind the macros, where the name of the macro is another one.
MACROS = {
    'coherent_mem_read': 'coherent_read', 'coherent_mem_write': 'coherent_write',
    'coherent_mem_view': 'coherent_view', 'coherent_mem_part': 'coherent_view_field',
    'coherent_mem_slot': 'coherent_slot',
    'coherent_mem_ring_field': 'coherent_ring_field', 'coherent_mem_ring': 'coherent_ring',
    'coherent_mem_addr_at': 'coherent_addr_at', 'coherent_mem_copy_out': 'coherent_copy_out',
    'coherent_mem_copy_in': 'coherent_copy_in', 'coherent_mem_field_out': 'coherent_copy_out_field',
    'coherent_mem_field_in': 'coherent_copy_in_field', 'coherent_slot_load': 'coherent_slot_get',
    'coherent_slot_store': 'coherent_slot_put', 'coherent_ring_load': 'coherent_ring_get',
    'coherent_ring_store': 'coherent_ring_put', 'coherent_box_at': 'coherent_box_init_at',
    'coherent_base_init_begin': 'coherent_init', 'coherent_base_init_end': 'coherent_init',
    'coherent_base_loan_begin': 'coherent_loan_visit',
    'coherent_base_loan_end': 'coherent_loan_visit',
    'coherent_base_wait_more': 'coherent_poll', 'coherent_base_box_move': 'coherent_move',
    'coherent_base_loan_move': 'coherent_move',
    'coherent_base_pool_mem': 'coherent_pool_from',
    'coherent_base_pool_mems': 'coherent_pool_from_all',
}


# Functions of the headers that return what they get.
SAME = {'coherent_result', 'coherent_known', 'coherent_same', 'coherent_same_number', 'coherent_bar_variable'}


def macro(name):
    """Return the name by which a driver calls a function."""
    return MACROS.get(name) or name.replace('coherent_base_', 'coherent_')


ALLOCATES = {'malloc', 'calloc', 'aligned_alloc', 'reallocarray', 'kzalloc', 'kmalloc', 'kcalloc',
             'devm_kzalloc', 'devm_kmalloc', 'kmalloc_trace', 'kmem_cache_alloc_trace', '__kmalloc',
             'vzalloc', 'kvzalloc', 'g_malloc0', 'g_new0'}
COUNTED = {'calloc', 'kcalloc'}
ZEROED = {'calloc', 'kzalloc', 'kcalloc', 'devm_kzalloc', 'vzalloc', 'kvzalloc', 'g_malloc0'}
FREES = {'free', 'kfree', 'vfree', 'kvfree', 'devm_kfree', 'g_free', 'cfree'}
COPIES = {'memcpy', 'memmove', '__builtin_memcpy', '__builtin_memmove', '__memcpy', '__memcpy_chk'}
SETS = {'memset', '__builtin_memset', '__memset', 'bzero', 'explicit_bzero', '__memset_chk'}
ENDS = {'exit', '_exit', 'abort', '_Exit', 'quick_exit', '__assert_fail', 'err', 'errx', 'verr',
        'pthread_exit', 'longjmp', 'siglongjmp', '__builtin_unreachable', '__builtin_trap', 'panic',
        '__stack_chk_fail', 'execv', 'execvp', 'execl', 'execlp'}
# These only read what they get, and keep no pointer to it.
HARMLESS = set('''
printf fprintf snprintf sprintf vprintf vfprintf vsnprintf dprintf puts putchar fputs fputc putc
perror strerror strerror_r strlen strnlen strcmp strncmp strcasecmp strncasecmp strchr strrchr
strstr strspn strcspn memcmp memchr bcmp strtol strtoul strtoll strtoull atoi atol getenv abs labs
usleep nanosleep sleep clock_gettime clock_nanosleep time gettimeofday difftime rand srand random
srandom rand_r getpid gettid getuid geteuid sysconf getpagesize isatty fflush fopen fclose fileno
sched_yield pthread_mutex_lock pthread_mutex_unlock pthread_mutex_init pthread_mutex_destroy
pthread_mutex_trylock pthread_spin_lock pthread_spin_unlock pthread_cond_signal
pthread_cond_broadcast pthread_cond_wait pthread_self warn warnx syslog openlog closelog isdigit
isspace isalpha toupper tolower htonl htons ntohl ntohs qsort_r getopt getopt_long write read fwrite
fread pread pwrite send recv poll ppoll select close open fsync ftruncate ioctl signal sigaction
alarm setvbuf setbuf fseek ftell rewind feof ferror fgets getline strdup strcpy strncpy strcat
strncat strsep strtok strtok_r memmem sscanf fscanf scanf remove unlink access stat fstat
__errno_location __builtin_expect __builtin_clear_padding __builtin_bswap16 __builtin_bswap32
__builtin_bswap64 __builtin_popcount __builtin_clz __builtin_ctz __builtin_puts __builtin_putchar
__builtin_va_start __builtin_va_end __builtin_constant_p __builtin_object_size
__builtin_dynamic_object_size __builtin_memcmp __builtin_strlen __printf_chk __fprintf_chk
__snprintf_chk __sprintf_chk __vfprintf_chk
_printk printk _dev_err _dev_warn _dev_info _dev_notice _dev_printk dev_err_probe __dynamic_dev_dbg
msleep udelay ndelay __udelay __const_udelay usleep_range usleep_range_state mdelay schedule
cond_resched __cond_resched might_sleep ktime_get jiffies_to_msecs msecs_to_jiffies
mutex_lock mutex_unlock mutex_lock_nested mutex_init __mutex_init _raw_spin_lock _raw_spin_unlock
_raw_spin_lock_irqsave _raw_spin_unlock_irqrestore __raw_spin_lock_init
pci_enable_device pci_disable_device pci_set_master pci_clear_master pci_request_regions
pci_release_regions pci_iomap pci_iounmap pci_enable_device_mem pcim_enable_device pci_name
ioread8 ioread16 ioread32 iowrite8 iowrite16 iowrite32 readl writel __warn_printk
'''.split())
# The same arguments give the same result.
PURE = {'strcmp', 'strncmp', 'strcasecmp', 'strncasecmp', 'strlen', 'getenv'}
# The name of a function that only prints may begin or end like this.
PRINTS = ('print', 'log', 'trace', 'debug', 'dbg', 'warn', 'die', 'fail_msg', 'diag')


def prints(name):
    return any(word in name for word in PRINTS) and not name.startswith('coherent_')
