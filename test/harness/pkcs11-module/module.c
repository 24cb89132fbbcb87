/*
 * A PKCS#11 library for tests: it hands every call to a real one, and fails where a control file says so.
 *
 * TEST_PKCS11_REAL     path of the real library
 * TEST_PKCS11_CONTROL  path of the control file, read again at each call; missing means: no faults
 * TEST_PKCS11_LOG      path of the log, one line per call: "<pid> C_Login begins", "<pid> C_Login 0xA0". No PINs
 *
 * Lines of the control file:
 *   C_Login hang            never returns
 *   C_Login crash           ends the process before the real call
 *   C_Login crash-after     ends the process after it
 *   C_Login return 0xA4     returns that instead of making the real call
 *   C_OpenSession return-for-a-while 0x5   returns that until C_Initialize is called once more
 *   C_OpenSession wait      waits until this line is gone
 *   C_Login scribble        writes to file descriptor 3, which is not its own
 *   C_SetPIN needs-login    returns CKR_USER_NOT_LOGGED_IN until C_Login has succeeded
 *   C_GetTokenInfo flags 0x40000   sets these flags in what the real call tells
 *   C_Initialize environment       writes the names of all environment variables to the log, "<pid> env PATH"
 *
 * It needs no header of PKCS#11: the function list is a version and 68 pointers in the order of the standard (2.40).
 */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long ulong_t;

struct function_list {
  struct {
    unsigned char major;
    unsigned char minor;
  } version;
  void *functions[68];
};

enum {
  INITIALIZE = 0,
  FINALIZE = 1,
  GET_FUNCTION_LIST = 3,
  GET_TOKEN_INFO = 6,
  SET_PIN = 11,
  OPEN_SESSION = 12,
  CLOSE_SESSION = 13,
  LOGIN = 18,
  LOGOUT = 19
};

/* of CK_TOKEN_INFO: label[32], manufacturerID[32], model[16], serialNumber[16], flags */
#define FLAGS_OFFSET 96

extern char **environ;

static struct function_list real, ours;
static int logged_in;
/* How often C_Initialize was called, and how often when the failure that lasts for a while began. */
static int initialized, failing_since;

static void log_line(const char *format, ...) {
  const char *path = getenv("TEST_PKCS11_LOG");
  if (path == NULL) return;
  FILE *file = fopen(path, "a");
  if (file == NULL) return;
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  /* In one write: several processes share the log. */
  fprintf(file, "%d %s\n", (int)getpid(), line);
  fclose(file);
}

/* Whether the control file has "<call> <effect>"; its number, if there is one, goes to *number. */
static int told(const char *call, const char *effect, ulong_t *number) {
  const char *path = getenv("TEST_PKCS11_CONTROL");
  FILE *file = path == NULL ? NULL : fopen(path, "r");
  if (file == NULL) return 0;
  char line[256], a_call[64], an_effect[64], value[64];
  int found = 0;
  while (!found && fgets(line, sizeof line, file) != NULL) {
    int parts = sscanf(line, "%63s %63s %63s", a_call, an_effect, value);
    if (parts < 2 || strcmp(a_call, call) != 0 || strcmp(an_effect, effect) != 0) continue;
    found = 1;
    if (parts == 3 && number != NULL) *number = strtoul(value, NULL, 0);
  }
  fclose(file);
  return found;
}

/* Whether the failure that lasts for a while is at hand. */
static int fails_for_a_while(const char *call, ulong_t *result) {
  if (!told(call, "return-for-a-while", result)) return 0;
  if (failing_since == 0) failing_since = initialized;
  return failing_since == initialized;
}

static void crash(void) { _exit(139); }

/* The faults that go before the real call. Returns whether *result is what to answer. */
static int before(const char *call, ulong_t *result) {
  log_line("%s begins", call);
  if (told(call, "hang", NULL))
    for (;;) pause();
  if (told(call, "crash", NULL)) crash();
  while (told(call, "wait", NULL)) usleep(20000);
  if (told(call, "scribble", NULL) && write(3, "not ours", 8) < 0) crash();
  return told(call, "return", result) || fails_for_a_while(call, result);
}

static ulong_t after(const char *call, ulong_t result) {
  log_line("%s 0x%lX", call, result);
  if (told(call, "crash-after", NULL)) crash();
  return result;
}

static ulong_t C_Initialize(void *options) {
  ulong_t result;
  initialized++;
  if (told("C_Initialize", "environment", NULL))
    for (char **entry = environ; *entry != NULL; entry++)
      log_line("env %.*s", (int)strcspn(*entry, "="), *entry);
  if (!before("C_Initialize", &result)) result = ((ulong_t(*)(void *))real.functions[INITIALIZE])(options);
  return after("C_Initialize", result);
}

static ulong_t C_Finalize(void *reserved) {
  ulong_t result;
  logged_in = 0;
  if (!before("C_Finalize", &result)) result = ((ulong_t(*)(void *))real.functions[FINALIZE])(reserved);
  return after("C_Finalize", result);
}

static ulong_t C_GetTokenInfo(ulong_t slot, unsigned char *info) {
  ulong_t result, flags;
  if (!before("C_GetTokenInfo", &result))
    result = ((ulong_t(*)(ulong_t, void *))real.functions[GET_TOKEN_INFO])(slot, info);
  if (result == 0 && told("C_GetTokenInfo", "flags", &flags)) {
    ulong_t all;
    memcpy(&all, info + FLAGS_OFFSET, sizeof all);
    all |= flags;
    memcpy(info + FLAGS_OFFSET, &all, sizeof all);
  }
  return after("C_GetTokenInfo", result);
}

static ulong_t C_SetPIN(ulong_t session, void *old_pin, ulong_t old_length, void *new_pin, ulong_t new_length) {
  ulong_t result;
  int answered = before("C_SetPIN", &result);
  if (!answered && !logged_in && told("C_SetPIN", "needs-login", NULL)) {
    result = 0x101;
    answered = 1;
  }
  if (!answered)
    result = ((ulong_t(*)(ulong_t, void *, ulong_t, void *, ulong_t))real.functions[SET_PIN])(
        session, old_pin, old_length, new_pin, new_length);
  return after("C_SetPIN", result);
}

static ulong_t C_OpenSession(ulong_t slot, ulong_t flags, void *application, void *notify, ulong_t *session) {
  ulong_t result;
  if (!before("C_OpenSession", &result))
    result = ((ulong_t(*)(ulong_t, ulong_t, void *, void *, ulong_t *))real.functions[OPEN_SESSION])(
        slot, flags, application, notify, session);
  return after("C_OpenSession", result);
}

static ulong_t C_CloseSession(ulong_t session) {
  ulong_t result;
  if (!before("C_CloseSession", &result))
    result = ((ulong_t(*)(ulong_t))real.functions[CLOSE_SESSION])(session);
  return after("C_CloseSession", result);
}

static ulong_t C_Login(ulong_t session, ulong_t user, void *pin, ulong_t length) {
  ulong_t result;
  if (!before("C_Login", &result))
    result = ((ulong_t(*)(ulong_t, ulong_t, void *, ulong_t))real.functions[LOGIN])(session, user, pin, length);
  if (result == 0) logged_in = 1;
  return after("C_Login", result);
}

static ulong_t C_Logout(ulong_t session) {
  ulong_t result;
  logged_in = 0;
  if (!before("C_Logout", &result)) result = ((ulong_t(*)(ulong_t))real.functions[LOGOUT])(session);
  return after("C_Logout", result);
}

__attribute__((visibility("default"))) ulong_t C_GetFunctionList(struct function_list **list) {
  const char *path = getenv("TEST_PKCS11_REAL");
  void *library = path == NULL ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL);
  ulong_t (*get)(struct function_list **) =
      library == NULL ? NULL : (ulong_t(*)(struct function_list **))dlsym(library, "C_GetFunctionList");
  struct function_list *found;
  if (get == NULL || get(&found) != 0) return 0x5; /* CKR_GENERAL_ERROR */
  real = *found;
  ours = *found;
  ours.functions[INITIALIZE] = (void *)C_Initialize;
  ours.functions[FINALIZE] = (void *)C_Finalize;
  ours.functions[GET_FUNCTION_LIST] = (void *)C_GetFunctionList;
  ours.functions[GET_TOKEN_INFO] = (void *)C_GetTokenInfo;
  ours.functions[SET_PIN] = (void *)C_SetPIN;
  ours.functions[OPEN_SESSION] = (void *)C_OpenSession;
  ours.functions[CLOSE_SESSION] = (void *)C_CloseSession;
  ours.functions[LOGIN] = (void *)C_Login;
  ours.functions[LOGOUT] = (void *)C_Logout;
  *list = &ours;
  return 0;
}
