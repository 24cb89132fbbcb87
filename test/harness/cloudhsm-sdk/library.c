/*
 * lib/libcloudhsm_pkcs11.so of the stand-in: SoftHSM with the manners of AWS's library. It shows one slot, that of the
 * cluster in its configuration file; it knows no C_SetPIN; users lock. What it may not decide by itself it asks
 * library-state.cjs. Compiled with REAL, NODE, STATE and FOLDER defined as strings.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long CK_ULONG;
typedef CK_ULONG CK_RV;
/* CK_FUNCTION_LIST of PKCS#11 2.40: a version, then 68 functions in the order of the standard. */
typedef struct { unsigned char major, minor; void *call[68]; } FUNCTIONS;
enum { INITIALIZE = 0, GET_FUNCTION_LIST = 3, GET_SLOT_LIST = 4, GET_TOKEN_INFO = 6, SET_PIN = 11, OPEN_SESSION = 12, LOGIN = 18 };
enum { OK = 0, ARGUMENTS_BAD = 7, GENERAL_ERROR = 5, FUNCTION_NOT_SUPPORTED = 0x54, BUFFER_TOO_SMALL = 0x150 };
enum { RW_SESSION = 2, TOKEN_INITIALIZED = 0x400 };

static FUNCTIONS *real;
static FUNCTIONS ours;

/* Asks; the rest of the line after the code goes to `rest`. */
static CK_RV ask(const char *request, CK_RV code, char *rest, size_t size) {
  char command[8192], line[4096] = "";
  snprintf(command, sizeof command, "'%s' '%s' '%s' %d %s %lu", NODE, STATE, FOLDER, (int)getpid(), request, code);
  FILE *answer = popen(command, "r");
  if (answer == NULL) return GENERAL_ERROR;
  if (fgets(line, sizeof line, answer) == NULL) line[0] = 0;
  pclose(answer);
  line[strcspn(line, "\n")] = 0;
  if (strcmp(line, "hang") == 0) for (;;) pause();
  if (strcmp(line, "crash") == 0) abort();
  if (line[0] < '0' || line[0] > '9') return GENERAL_ERROR;
  char *end;
  CK_RV returned = strtoul(line, &end, 10);
  if (rest != NULL) snprintf(rest, size, "%s", *end == ' ' ? end + 1 : end);
  return returned;
}

static CK_RV initialize(void *arguments) {
  char configuration[4096];
  CK_RV told = ask("initialize", 0, configuration, sizeof configuration);
  if (told != OK) return told;
  setenv("SOFTHSM2_CONF", configuration, 1);
  return ((CK_RV (*)(void *))real->call[INITIALIZE])(arguments);
}

static CK_RV get_slot_list(unsigned char present, CK_ULONG *slots, CK_ULONG *count) {
  CK_ULONG all[64], shown[64], n = 64, found = 0;
  CK_RV returned = ((CK_RV (*)(unsigned char, CK_ULONG *, CK_ULONG *))real->call[GET_SLOT_LIST])(present, all, &n);
  if (returned != OK) return returned;
  for (CK_ULONG i = 0; i < n; i++) {
    char info[1024];
    CK_ULONG flags;
    if (((CK_RV (*)(CK_ULONG, void *))real->call[GET_TOKEN_INFO])(all[i], info) != OK) continue;
    memcpy(&flags, info + 96, sizeof flags); /* behind label, manufacturer, model and serial number */
    if (flags & TOKEN_INITIALIZED) shown[found++] = all[i];
  }
  if (slots != NULL && *count < found) returned = BUFFER_TOO_SMALL;
  else if (slots != NULL) memcpy(slots, shown, found * sizeof *slots);
  *count = found;
  return returned;
}

static CK_RV set_pin(CK_ULONG session, void *old_pin, CK_ULONG old_size, void *new_pin, CK_ULONG new_size) {
  (void)session, (void)old_pin, (void)old_size, (void)new_pin, (void)new_size;
  return FUNCTION_NOT_SUPPORTED;
}

static CK_RV open_session(CK_ULONG slot, CK_ULONG flags, void *application, void *notify, CK_ULONG *session) {
  if (!(flags & RW_SESSION)) return ARGUMENTS_BAD;
  return ((CK_RV (*)(CK_ULONG, CK_ULONG, void *, void *, CK_ULONG *))real->call[OPEN_SESSION])(slot, flags, application,
                                                                                             notify, session);
}

static CK_RV login(CK_ULONG session, CK_ULONG user, void *pin, CK_ULONG size) {
  CK_RV told = ask("before-login", 0, NULL, 0);
  if (told != OK) return told;
  CK_RV returned = ((CK_RV (*)(CK_ULONG, CK_ULONG, void *, CK_ULONG))real->call[LOGIN])(session, user, pin, size);
  told = ask("after-login", returned, NULL, 0);
  return told != OK ? told : returned;
}

CK_RV C_GetFunctionList(FUNCTIONS **list) {
  if (real == NULL) {
    void *library = dlopen(REAL, RTLD_NOW | RTLD_LOCAL);
    CK_RV (*get)(FUNCTIONS **) = library == NULL ? NULL : (CK_RV (*)(FUNCTIONS **))dlsym(library, "C_GetFunctionList");
    if (get == NULL || get(&real) != OK) return GENERAL_ERROR;
    ours = *real;
    ours.call[INITIALIZE] = (void *)initialize;
    ours.call[GET_FUNCTION_LIST] = (void *)C_GetFunctionList;
    ours.call[GET_SLOT_LIST] = (void *)get_slot_list;
    ours.call[SET_PIN] = (void *)set_pin;
    ours.call[OPEN_SESSION] = (void *)open_session;
    ours.call[LOGIN] = (void *)login;
  }
  *list = &ours;
  return OK;
}
