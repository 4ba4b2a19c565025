# What the test and measuring programs in C share, as one archive. For makefiles that run from the root of the tree.
SUPPORT := .build/support/libsupport.a
SUPPORT_HEADERS := $(wildcard Tests/support/*.h include/*.h)
SUPPORT_FLAGS := -std=gnu11 -O1 -g -Wall -Wextra -Werror -Wno-format-overflow -pthread -D_GNU_SOURCE -Iinclude -ITests/support

$(SUPPORT): $(patsubst Tests/support/%.c,.build/support/%.o,$(wildcard Tests/support/*.c))
	$(AR) rcs $@ $?

.build/support/%.o: Tests/support/%.c $(SUPPORT_HEADERS) Tests/support/support.mk
	@mkdir -p $(@D)
	$(CC) $(SUPPORT_FLAGS) -c -o $@ $<
