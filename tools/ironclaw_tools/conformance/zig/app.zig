//! The tools of the conformance suite, in Zig.
const std = @import("std");
const ironclaw = @import("ironclaw");

const Text = []const u8;

fn echo(args: struct { value: std.json.Value }) std.json.Value {
    return args.value;
}

fn defaults(args: struct { word: Text, number: i64 }) @TypeOf(args) {
    return args;
}

fn empty(args: struct {}) @TypeOf(args) {
    return args;
}

fn fail(args: struct { kind: ironclaw.Kind, message: Text }) ironclaw.Error!void {
    return ironclaw.fail(args.kind, "{s}", .{args.message});
}

fn big(args: struct { length: usize }) Text {
    const text = ironclaw.alloc(u8, args.length);
    @memset(text, 'x');
    return text;
}

fn size(args: struct { text: Text }) usize {
    return args.text.len;
}

fn writeLog(args: struct { level: ironclaw.Level, message: Text }) void {
    ironclaw.log(args.level, args.message);
}

fn tellTime(_: struct {}) struct { ms: u64, stands: bool } {
    const now = ironclaw.nowMs();
    return .{ .ms = now, .stands = now == ironclaw.nowMs() };
}

fn someRandom(args: struct { count: u32 }) Text {
    return hex(ironclaw.randomBytes(args.count));
}

var calls: u32 = 0;

fn count(_: struct {}) u32 {
    calls += 1;
    return calls;
}

fn spin(_: struct {}) void {
    var turns: u32 = 0;
    while (true) std.mem.doNotOptimizeAway(&turns);
}

fn hoard(_: struct {}) void {
    while (true) std.mem.doNotOptimizeAway(ironclaw.alloc(u8, 1 << 20).ptr);
}

const Ask = struct { method: Text, url: Text, accept: Text = "", body: Text = "", secret: Text = "" };

fn ask(args: Ask) ironclaw.Error!struct { status: u16, type: Text, body: Text } {
    const accept = [_]ironclaw.Header{.{ .name = "accept", .value = args.accept }};
    const answer = try ironclaw.http(.{
        .method = args.method,
        .url = args.url,
        .headers = accept[0..@intFromBool(args.accept.len > 0)],
        .body = args.body,
        .secret = if (args.secret.len > 0) args.secret else null,
    });
    return .{ .status = answer.status, .type = answer.header("content-type") orelse "", .body = hex(answer.body) };
}

fn hex(bytes: Text) Text {
    return ironclaw.format("{x}", .{bytes});
}

comptime {
    ironclaw.tools(.{
        .{ "conform.echo", echo },
        .{ "conform.defaults", defaults },
        .{ "conform.empty", empty },
        .{ "conform.fail", fail },
        .{ "conform.big", big },
        .{ "conform.size", size },
        .{ "conform.log", writeLog },
        .{ "conform.clock", tellTime },
        .{ "conform.random", someRandom },
        .{ "conform.count", count },
        .{ "conform.spin", spin },
        .{ "conform.hoard", hoard },
        .{ "conform.http", ask },
    });
}
