// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Two passes over the lines: the first finds the labels, the second encodes. The instruction is the
// row of isa.def that has the mnemonic and whose operands have the kinds that were written.

#include "tools/engine/asm.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "engine/isa.h"

enum { WORD_MAX = 64, LABELS_MAX = 1024, OPERANDS_MAX = 3 };

enum kind { REGISTER, NUMBER, ADDRESS, NAME, SLOT, FUNCTION };

struct operand {
    enum kind kind;
    unsigned reg;        // REGISTER, ADDRESS
    int64_t value;       // NUMBER, offset of ADDRESS, SLOT
    bool is_signed;      // NUMBER was written with a sign: may be a relative target
    char name[WORD_MAX]; // NAME, FUNCTION
};

struct label {
    char name[WORD_MAX];
    uint32_t slot;
};

struct assembler {
    const char *at; // in the current line
    struct label labels[LABELS_MAX];
    unsigned label_count, line;
    uint32_t slot;
    uint8_t *slots; // NULL in the first pass
    char *message;
    size_t message_size;
};

static bool fail(struct assembler *as, const char *what, const char *detail) {
    snprintf(as->message, as->message_size, "%s%s%s", what, *detail ? ": " : "", detail);
    return false;
}

static void skip_space(struct assembler *as) {
    while (*as->at == ' ' || *as->at == '\t' || *as->at == '\r')
        as->at++;
}

static bool at_end(struct assembler *as) {
    skip_space(as);
    return !*as->at || *as->at == '\n' || *as->at == '#' || *as->at == ';' ||
           strncmp(as->at, "//", 2) == 0;
}

static bool read_word(struct assembler *as, char *word) {
    size_t length = 0;
    skip_space(as);
    while (isalnum((unsigned char)as->at[length]) || as->at[length] == '_' || as->at[length] == '.')
        length++;
    if (!length || length >= WORD_MAX)
        return false;
    memcpy(word, as->at, length);
    word[length] = 0;
    as->at += length;
    return true;
}

static bool read_number(struct assembler *as, int64_t *value) {
    char *end;
    skip_space(as);
    errno = 0;
    *value = *as->at == '-' ? strtoll(as->at, &end, 0) : (int64_t)strtoull(as->at, &end, 0);
    if (end == as->at || errno)
        return fail(as, "number expected", "");
    as->at = end;
    return true;
}

static bool parse_register(const char *word, unsigned *reg) {
    char *end;
    if (word[0] != 'r' || !isdigit((unsigned char)word[1]))
        return false;
    *reg = (unsigned)strtoul(word + 1, &end, 10);
    return !*end && *reg < 16;
}

static bool read_address(struct assembler *as, struct operand *operand) {
    char word[WORD_MAX];
    as->at++;
    operand->kind = ADDRESS;
    if (!read_word(as, word) || !parse_register(word, &operand->reg))
        return fail(as, "register expected after [", "");
    skip_space(as);
    if (*as->at != ']' && !read_number(as, &operand->value))
        return false;
    skip_space(as);
    if (*as->at++ != ']')
        return fail(as, "] expected", "");
    return true;
}

static bool read_operand(struct assembler *as, struct operand *operand) {
    memset(operand, 0, sizeof(*operand));
    skip_space(as);
    if (*as->at == '[')
        return read_address(as, operand);
    if (*as->at == '@') {
        as->at++;
        operand->kind = SLOT;
        return read_number(as, &operand->value);
    }
    if (*as->at == '+' || *as->at == '-' || isdigit((unsigned char)*as->at)) {
        operand->kind = NUMBER;
        operand->is_signed = *as->at == '+' || *as->at == '-';
        return read_number(as, &operand->value);
    }
    if (!read_word(as, operand->name))
        return fail(as, "operand expected", "");
    operand->kind = parse_register(operand->name, &operand->reg) ? REGISTER : NAME;
    if (strcmp(operand->name, "function") == 0) {
        operand->kind = FUNCTION;
        return read_word(as, operand->name) || fail(as, "label expected after function", "");
    }
    return true;
}

// Slot that a target operand means.
static bool resolve(struct assembler *as, const struct operand *operand, int64_t *slot) {
    if (operand->kind == SLOT || operand->kind == NUMBER) {
        *slot = operand->kind == SLOT ? operand->value : as->slot + 1 + operand->value;
        return true;
    }
    for (unsigned i = 0; i < as->label_count; i++) {
        if (strcmp(as->labels[i].name, operand->name) == 0) {
            *slot = as->labels[i].slot;
            return true;
        }
    }
    *slot = 0;
    return !as->slots || fail(as, "unknown label", operand->name);
}

static bool is_target(const struct operand *operand) {
    return operand->kind == NAME || operand->kind == SLOT ||
           (operand->kind == NUMBER && operand->is_signed);
}

// Do the written operands have the kinds that the row wants?
static bool row_fits(const struct engine_op_info *row, const struct operand *o, unsigned count) {
    bool src = (row->operands & ENGINE_USES_S) != 0;
    enum kind second = src ? REGISTER : NUMBER;
    switch (row->effect) {
    case ENGINE_EFFECT_ALU:
        return o[0].kind == REGISTER &&
               (row->operands == ENGINE_USES_D ? count == 1 : count == 2 && o[1].kind == second);
    case ENGINE_EFFECT_LDIMM:
        return count == 2 && o[0].kind == REGISTER &&
               (o[1].kind == NUMBER || o[1].kind == FUNCTION);
    case ENGINE_EFFECT_LOAD:
        return count == 2 && o[0].kind == REGISTER && o[1].kind == ADDRESS;
    case ENGINE_EFFECT_STORE:
    case ENGINE_EFFECT_ATOMIC:
        return count == 2 && o[0].kind == ADDRESS && o[1].kind == second;
    case ENGINE_EFFECT_BRANCH:
        return count == 3 && o[0].kind == REGISTER && o[1].kind == second && is_target(&o[2]);
    case ENGINE_EFFECT_JUMP:
        return count == 1 && is_target(&o[0]);
    case ENGINE_EFFECT_CALL:
        if (row->sub == ENGINE_CALL_REG)
            return count == 1 && o[0].kind == REGISTER;
        return count == 1 &&
               (row->sub == ENGINE_CALL_LOCAL ? is_target(&o[0]) : o[0].kind == NUMBER);
    default:
        return count == 0;
    }
}

static void put_slot(struct assembler *as, uint8_t opcode, unsigned dst, unsigned src, int64_t off,
                     int64_t imm) {
    if (as->slots) {
        uint8_t *p = as->slots + (size_t)as->slot * ENGINE_SLOT_BYTES;
        p[0] = opcode;
        p[1] = (uint8_t)(dst | src << 4);
        bits_store16(p + 2, (uint16_t)off);
        bits_store32(p + 4, (uint32_t)imm);
    }
    as->slot++;
}

static bool encode_wide(struct assembler *as, const struct operand *o) {
    int64_t target;
    if (o[1].kind == NUMBER) {
        put_slot(as, 0x18, o[0].reg, 0, 0, o[1].value);
        put_slot(as, 0, 0, 0, 0, o[1].value >> 32);
        return true;
    }
    if (!resolve(as, &o[1], &target))
        return false;
    put_slot(as, 0x18, o[0].reg, 4, 0, target - as->slot - 1);
    put_slot(as, 0, 0, 0, 0, 0);
    return true;
}

static bool encode(struct assembler *as, const struct engine_op_info *row,
                   const struct operand *o) {
    unsigned dst = 0, src = 0, memory = row->effect == ENGINE_EFFECT_LOAD ? 1 : 0;
    int64_t off = 0, imm = 0, target = 0;
    if (row->effect == ENGINE_EFFECT_LDIMM)
        return encode_wide(as, o);
    if (row->operands & ENGINE_USES_D)
        dst = o[0].reg;
    if (row->operands & ENGINE_USES_S)
        src = o[1].reg;
    if (row->operands & ENGINE_USES_I)
        imm = row->effect == ENGINE_EFFECT_CALL ? o[0].value : o[1].value;
    if (row->effect >= ENGINE_EFFECT_LOAD && row->effect <= ENGINE_EFFECT_ATOMIC)
        off = o[memory].value;
    bool branch = row->effect == ENGINE_EFFECT_BRANCH,
         local = row->effect == ENGINE_EFFECT_CALL && row->sub == ENGINE_CALL_LOCAL;
    if (branch || local || row->effect == ENGINE_EFFECT_JUMP) {
        if (!resolve(as, &o[branch ? 2 : 0], &target))
            return false;
        target -= (int64_t)as->slot + 1;
        bool by_imm = local || (row->operands & ENGINE_USES_O) == 0;
        off = by_imm ? off : target;
        imm = by_imm ? target : imm;
    }
    if (row->select == ENGINE_SELECT_OFF)
        off = row->value;
    if (row->select == ENGINE_SELECT_IMM)
        imm = row->value;
    if (row->select == ENGINE_SELECT_SRC)
        src = row->value;
    if (off != (int16_t)off || imm < INT32_MIN || imm > UINT32_MAX)
        return fail(as, "number out of range", "");
    put_slot(as, row->opcode, dst, src, off, imm);
    return true;
}

static bool assemble_instruction(struct assembler *as, const char *mnemonic) {
    struct operand operands[OPERANDS_MAX] = {0};
    unsigned count = 0;
    int64_t raw;
    if (strcmp(mnemonic, ".slot") == 0) {
        if (!read_number(as, &raw))
            return false;
        put_slot(as, (uint8_t)raw, raw >> 8 & 15, raw >> 12 & 15, raw >> 16, raw >> 32);
        return at_end(as) || fail(as, "too much on the line", "");
    }
    while (!at_end(as)) {
        if (count == OPERANDS_MAX || !read_operand(as, &operands[count]))
            return count == OPERANDS_MAX ? fail(as, "too many operands", "") : false;
        count++;
        if (!at_end(as) && *as->at++ != ',')
            return fail(as, "comma expected", "");
    }
    bool known = false;
    for (unsigned op = 1; op < ENGINE_OP_COUNT; op++) {
        if (strcmp(engine_ops[op].text, mnemonic) != 0)
            continue;
        known = true;
        if (row_fits(&engine_ops[op], operands, count))
            return encode(as, &engine_ops[op], operands);
    }
    return fail(as, known ? "wrong operands" : "unknown instruction", mnemonic);
}

static bool assemble_line(struct assembler *as) {
    char word[WORD_MAX];
    while (!at_end(as)) {
        if (!read_word(as, word))
            return fail(as, "instruction expected", "");
        skip_space(as);
        if (*as->at != ':')
            return assemble_instruction(as, word);
        as->at++;
        if (as->slots)
            continue;
        if (as->label_count == LABELS_MAX)
            return fail(as, "too many labels", "");
        struct label *label = &as->labels[as->label_count++];
        memcpy(label->name, word, sizeof(word));
        label->slot = as->slot;
    }
    return true;
}

static unsigned pass(struct assembler *as, const char *text) {
    as->slot = 0;
    for (as->line = 1; *text; as->line++) {
        as->at = text;
        if (!assemble_line(as))
            return as->line;
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return 0;
}

unsigned asm_assemble(const char *text, uint8_t **slots, size_t *size, char *message,
                      size_t message_size) {
    struct assembler *as = calloc(1, sizeof(*as));
    if (!as)
        abort();
    as->message = message;
    as->message_size = message_size;
    unsigned bad = pass(as, text);
    if (!bad) {
        as->slots = calloc(as->slot + 1, ENGINE_SLOT_BYTES);
        if (!as->slots)
            abort();
        bad = pass(as, text);
    }
    *slots = as->slots;
    *size = (size_t)as->slot * ENGINE_SLOT_BYTES;
    if (bad) {
        free(as->slots);
        *slots = NULL;
    }
    free(as);
    return bad;
}
