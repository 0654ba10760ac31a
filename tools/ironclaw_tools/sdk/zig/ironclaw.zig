//! What a Zig toolbox is written with: the plain ABI of wit/ironclaw.wit, with JSON by std.json.
//!
//!     const ironclaw = @import("ironclaw");
//!
//!     fn greet(args: struct { name: []const u8 }) ![]const u8 {
//!         return ironclaw.format("Hello, {s}.", .{args.name});
//!     }
//!
//!     comptime {
//!         ironclaw.tools(.{.{ "hello.greet", greet }});
//!     }
//!
//! A tool takes a struct that its JSON arguments fit and returns whatever std.json can write.  Nothing has to
//! be freed: each call gets a fresh instance, which is thrown away.
const std = @import("std");

/// Memory for as long as the call.
pub const allocator = std.heap.wasm_allocator;

pub const Kind = enum(u8) { invalid_input, denied, unavailable, internal };
pub const Level = enum(u32) { debug, info, warn, @"error" };
/// What `fail` returns.  Any other error of a tool becomes internal, with the error's name.
pub const Error = error{Failed};

pub const Header = struct { name: []const u8, value: []const u8 };
pub const Request = struct {
    method: []const u8 = "GET",
    url: []const u8,
    headers: []const Header = &.{},
    body: []const u8 = "",
    /// The name of a secret that the manifest declares; the host puts its value in.
    secret: ?[]const u8 = null,
};
pub const Response = struct {
    status: u16,
    headers: []const Header,
    body: []const u8,

    /// The value of a header, whatever its name's case.
    pub fn header(response: Response, name: []const u8) ?[]const u8 {
        for (response.headers) |each| if (std.ascii.eqlIgnoreCase(each.name, name)) return each.value;
        return null;
    }
};

var failure: struct { kind: Kind, message: []const u8 } = undefined;

/// A typed failure with a message for the model and for people: `return ironclaw.fail(.denied, "...", .{})`.
pub fn fail(kind: Kind, comptime message: []const u8, values: anytype) Error {
    failure = .{ .kind = kind, .message = format(message, values) };
    return error.Failed;
}

/// Text as by std.fmt.
pub fn format(comptime template: []const u8, values: anytype) []const u8 {
    return allocator.print(template, values) catch @trap();
}

/// Memory that is there; without any left the call ends.
pub fn alloc(comptime T: type, count: usize) []T {
    return allocator.alloc(T, count) catch @trap();
}

pub fn log(level: Level, message: []const u8) void {
    const text: Text = .of(message);
    host.log(@backingInt(level), text.ptr, text.len);
}

/// Milliseconds since 1970, constant during one call.
pub fn nowMs() u64 {
    return host.now();
}

/// At most 65,536 random bytes.
pub fn randomBytes(count: u32) []const u8 {
    var bytes: Text = undefined;
    host.random(count, &bytes);
    return bytes.slice();
}

/// Ask the host to send a request.  A refusal is a failure, denied or unavailable, with the host's sentence.
pub fn http(request: Request) Error!Response {
    const headers = alloc(Pair, @max(request.headers.len, 1))[0..request.headers.len];
    for (headers, request.headers) |*to, from| to.* = .{ .name = .of(from.name), .value = .of(from.value) };
    const method: Text = .of(request.method);
    const url: Text = .of(request.url);
    const body: Text = .of(request.body);
    const secret: Text = .of(request.secret orelse "");
    const has_secret = @intFromBool(request.secret != null);
    var answer: Answer = undefined;
    host.http(
        method.ptr,
        method.len,
        url.ptr,
        url.len,
        headers.ptr,
        headers.len,
        body.ptr,
        body.len,
        has_secret,
        secret.ptr,
        secret.len,
        &answer,
    );
    if (answer.is_refused == 0) return answer.as.response.read();
    const kind: Kind = if (answer.as.refusal.is_unavailable == 0) .denied else .unavailable;
    return fail(kind, "{s}", .{answer.as.refusal.message.slice()});
}

/// The world's export; write it once, in a comptime block, with every tool: `.{ "family.verb", function }`.
pub fn tools(comptime table: anytype) void {
    const exported = struct {
        fn run(name: [*]const u8, name_len: usize, input: [*]const u8, input_len: usize) callconv(.c) *Result {
            const result = &alloc(Result, 1)[0];
            result.* = .from(dispatch(table, name[0..name_len], input[0..input_len]));
            return result;
        }

        fn realloc(old: ?[*]u8, old_len: usize, _: usize, len: usize) callconv(.c) [*]u8 {
            // 16 is more than any type of the interface needs; what was there is not given back.
            const found = allocator.alignedAlloc(u8, .@"16", @max(len, 1)) catch @trap();
            if (old) |bytes| @memcpy(found[0..@min(old_len, len)], bytes[0..@min(old_len, len)]);
            return found.ptr;
        }
    };
    @export(&exported.run, .{ .name = "run" });
    @export(&exported.realloc, .{ .name = "cabi_realloc" });
}

/// The tool's result as JSON text.
fn dispatch(comptime table: anytype, name: []const u8, input: []const u8) anyerror![]const u8 {
    // Called before a tenant is known, so that the next call finds its code paged in.
    if (std.mem.eql(u8, name, "ironclaw.warm")) return "{}";
    inline for (table) |tool| if (std.mem.eql(u8, name, tool[0])) return call(tool[1], input);
    return fail(.invalid_input, "this toolbox has no tool {s}", .{name});
}

fn call(comptime tool: anytype, input: []const u8) anyerror![]const u8 {
    const Arguments = @typeInfo(@TypeOf(tool)).@"fn".param_types[0].?;
    // The host's schema has judged the arguments; a key that comes twice counts as it does there.
    const options: std.json.ParseOptions = .{ .duplicate_field_behavior = .use_last };
    const arguments = std.json.parseFromSliceLeaky(Arguments, allocator, input, options) catch |why| switch (why) {
        error.OutOfMemory => return why,
        else => return fail(.invalid_input, "the input does not fit: {t}", .{why}),
    };
    const found = tool(arguments);
    const value = if (@typeInfo(@TypeOf(found)) == .error_union) try found else found;
    return std.json.Stringify.valueAlloc(allocator, if (@TypeOf(value) == void) null else value, .{});
}

const host = struct {
    extern "ironclaw:tool/host@1.0.0" fn log(level: u32, message: [*]const u8, len: usize) void;
    extern "ironclaw:tool/host@1.0.0" fn now() u64;
    extern "ironclaw:tool/host@1.0.0" fn random(count: u32, bytes: *Text) void;
    extern "ironclaw:tool/host@1.0.0" fn http(
        method: [*]const u8,
        method_len: usize,
        url: [*]const u8,
        url_len: usize,
        headers: [*]const Pair,
        headers_len: usize,
        body: [*]const u8,
        body_len: usize,
        has_secret: u32,
        secret: [*]const u8,
        secret_len: usize,
        answer: *Answer,
    ) void;
};

// Values as they lie in memory.
const Text = extern struct {
    ptr: [*]const u8,
    len: usize,

    fn of(text: []const u8) Text {
        // No bytes may lie anywhere in Zig; the host looks for them in the memory.
        return .{ .ptr = if (text.len == 0) "" else text.ptr, .len = text.len };
    }

    fn slice(text: Text) []const u8 {
        return text.ptr[0..text.len];
    }
};
const Pair = extern struct { name: Text, value: Text };
const Answer = extern struct {
    is_refused: u8,
    as: extern union { response: Arrived, refusal: extern struct { is_unavailable: u8, message: Text } },
};
const Arrived = extern struct {
    status: u16,
    headers: [*]const Pair,
    headers_len: usize,
    body: Text,

    fn read(arrived: Arrived) Response {
        const headers = alloc(Header, arrived.headers_len);
        for (headers, arrived.headers) |*to, from| to.* = .{ .name = from.name.slice(), .value = from.value.slice() };
        return .{ .status = arrived.status, .headers = headers, .body = arrived.body.slice() };
    }
};
const Result = extern struct {
    is_failure: u8,
    as: extern union { output: Text, failure: extern struct { kind: Kind, message: Text } },

    fn from(found: anyerror![]const u8) Result {
        const json = found catch |why| return switch (why) {
            error.Failed => failed(failure.kind, failure.message),
            error.OutOfMemory => @trap(),
            else => failed(.internal, @errorName(why)),
        };
        return .{ .is_failure = 0, .as = .{ .output = .of(json) } };
    }

    fn failed(kind: Kind, message: []const u8) Result {
        return .{ .is_failure = 1, .as = .{ .failure = .{ .kind = kind, .message = .of(message) } } };
    }
};
