// posted.cc - libxl_channel_v2.h in C++17; never run with an argument, only built.
#include "posted.h"

#include <string>

int main(int argc, char **)
{
    std::string name = "a C++ header before and after is fine";
    return argc > 1 ? call_everything(nullptr, nullptr, nullptr) : name.empty();
}
